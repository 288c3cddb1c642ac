"""Opening rasters and vectors for reading: each file by the driver of its format only.

GDAL, HDF5 and Zarr follow references in a file: to other files, to drivers of other formats, to the
network. All reading goes through these modules, so that nothing a file refers to is ever opened or
downloaded. `tests/io/test_hostile_rasters.py` checks that no other module opens files.

| module | what it opens |
|---|---|
| `paths` | nothing: requirements on a path and on the files beside it |
| `rasters` | GeoTIFF, and the variables of NetCDF and Zarr, by GDAL |
| `netcdf` | NetCDF by xarray |
| `hdf5` | nothing: what an HDF5 file must not refer to |
| `zarr_store` | Zarr stores by xarray, and what a store must not refer to |
| `texts` | text, JSON and TOML, within a time limit |
| `amounts` | nothing: how many rows and bytes a Parquet file or a GeoPackage unpacks to |
| `vectors` | GeoPackage, GeoJSON, Shapefile, FlatGeobuf, KML and GeoParquet |
"""
