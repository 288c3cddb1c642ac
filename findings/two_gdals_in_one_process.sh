#!/usr/bin/env bash
# rasterio and pyogrio wheels each carry a GDAL of their own, of different versions. A GDAL option
# that is set through one is unknown to the other, even in one process and within rasterio.Env, so a
# program that closes the network or a driver for "GDAL" has to do it twice.
#
# Seen with rasterio 1.4.4 (GDAL 3.10.3) and pyogrio 0.13.0 (GDAL 3.12.4): each option is visible
# only where it was set.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check \
  "rasterio==1.4.4" "pyogrio==0.13.0" "numpy==2.4.6"
"$folder/env/bin/python" - <<'PY'
import pyogrio
import rasterio
from rasterio.env import get_gdal_config

print("rasterio", rasterio.__version__, "with GDAL", rasterio.__gdal_version__)
print("pyogrio", pyogrio.__version__, "with GDAL", ".".join(map(str, pyogrio.__gdal_version__)))
assert rasterio.__gdal_version__ != ".".join(map(str, pyogrio.__gdal_version__))

with rasterio.Env(GDAL_HTTP_TIMEOUT="7"):
    seen = {"rasterio": get_gdal_config("GDAL_HTTP_TIMEOUT"),
            "pyogrio": pyogrio.get_gdal_config_option("GDAL_HTTP_TIMEOUT")}
    print("set through rasterio:", seen)
    assert str(seen["rasterio"]) == "7" and seen["pyogrio"] is None, seen

pyogrio.set_gdal_config_options({"GDAL_HTTP_TIMEOUT": 9})
with rasterio.Env():
    seen = {"rasterio": get_gdal_config("GDAL_HTTP_TIMEOUT"),
            "pyogrio": pyogrio.get_gdal_config_option("GDAL_HTTP_TIMEOUT")}
    print("set through pyogrio:", seen)
    assert seen["rasterio"] is None and str(seen["pyogrio"]) == "9", seen
print("as described")
PY
