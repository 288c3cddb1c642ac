#!/usr/bin/env bash
# Land cover and other class maps are often stored as signed bytes with `_Unsigned = "true"`, since
# NetCDF-3 has no unsigned ones. xarray then turns the data and `_FillValue` into unsigned numbers,
# but not `missing_value`, whose numbers are of the same signed type: 251 is stored as -5 in both,
# and the cell 251 stays a value. Codes that mean "no data" become a class, without a word.
#
# Seen with xarray 2026.9.0: a file that says `_FillValue = -5` loses its cell 251, one that says
# `missing_value = -5` keeps it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check \
  "xarray==2026.9.0" "scipy==1.17.1" "numpy==2.4.6"
cd "$folder"
"$folder/env/bin/python" -W ignore - <<'PY'
import numpy as np
import xarray as xr

print("xarray", xr.__version__)
codes = np.array([[10, 251], [130, 200]], dtype="uint8").view("int8")
mark = np.array(251, dtype="uint8").view("int8")
found = {}
for name in ("_FillValue", "missing_value"):
    cover = xr.DataArray(codes, dims=("y", "x"), name="cover", attrs={"_Unsigned": "true"})
    cover.attrs[name] = mark[()]
    data = cover.to_dataset()
    if name == "missing_value":
        data["cover"].encoding["_FillValue"] = None
    data.to_netcdf(f"{name}.nc", engine="scipy", format="NETCDF3_64BIT")
    read = xr.open_dataset(f"{name}.nc", engine="scipy")["cover"].values
    found[name] = read[0, 1]
    print(f"{name} = {int(mark)}: the cell that stores 251 is read as {read[0, 1]}")
assert np.isnan(found["_FillValue"]), found
assert found["missing_value"] == 251, found
print("as described")
PY
