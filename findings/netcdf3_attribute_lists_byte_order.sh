#!/usr/bin/env bash
# Read by xarray's scipy engine, the attributes of one NetCDF-3 variable come in two byte orders: a
# single number in that of the processor, a list (`missing_value`, `valid_range`, `flag_values`) in
# the file's. Both compare rightly as numbers; whoever reinterprets their bytes, as `_Unsigned`
# demands, gets other numbers for the lists alone. From NetCDF-4 the same lists are in the
# processor's order, so that tests with NetCDF-4 files don't show it.
#
# Seen with xarray 2026.9.0 and scipy 1.17.1: valid_max is int16, valid_range is >i2, and 300 in it
# viewed as int16 is 11265.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check \
  "xarray==2026.9.0" "scipy==1.17.1" "numpy==2.4.6"
cd "$folder"
"$folder/env/bin/python" -W ignore - <<'PY'
import sys

import numpy as np
import scipy
import xarray as xr

assert sys.byteorder == "little", "a processor of the other order shows nothing"
print("xarray", xr.__version__, "scipy", scipy.__version__)
stock = xr.DataArray(np.array([10, 200], dtype="int16"), dims="x", name="stock")
stock.attrs["valid_range"] = np.array([0, 300], dtype="int16")
stock.attrs["valid_max"] = np.int16(300)
stock.to_dataset().to_netcdf("stock.nc", engine="scipy", format="NETCDF3_64BIT")
read = xr.open_dataset("stock.nc", engine="scipy", decode_cf=False)["stock"]
single, listed = np.asarray(read.attrs["valid_max"]), np.asarray(read.attrs["valid_range"])
print(f"data {read.dtype}, valid_max {single.dtype}, valid_range {listed.dtype.str}")
viewed = int(listed.view("int16")[1])
print(f"300 in the list, viewed as the data's type: {viewed}")
assert read.dtype.isnative, read.dtype
assert single.dtype.isnative, single.dtype
assert not listed.dtype.isnative, listed.dtype
assert (int(listed[1]), viewed) == (300, 11265), viewed
print("as described")
PY
