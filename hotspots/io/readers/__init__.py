"""Where the package opens rasters and vectors: each file by its own driver, and nothing else.

GDAL, HDF5 and Zarr follow what a file says: to other files, to drivers that it only pretends not to
be of, to the network. Every opening for reading goes through these modules, so that what a file
refers to is never fetched. `tests/test_hostile_rasters.py` holds that there is no other way in.

| module | what it opens |
|---|---|
| `paths` | nothing: what a path and the files beside it must be |
| `rasters` | GeoTIFF, and the variables of NetCDF and Zarr, by GDAL |
| `netcdf` | NetCDF by xarray |
| `hdf5` | nothing: what an HDF5 file must not refer to |
| `zarr_store` | Zarr stores by xarray, and what a store must not refer to |
| `texts` | text, JSON and TOML, and the time that reading may take |
| `amounts` | nothing: how much a Parquet file or a GeoPackage would give |
| `vectors` | GeoPackage, GeoJSON, Shapefile, FlatGeobuf, KML and GeoParquet |
"""
