"""User files: GeoTIFF, NetCDF, Zarr, tables of points, polygons."""
