"""One's own layers: GeoTIFF, NetCDF, Zarr, tables of points, polygons."""
