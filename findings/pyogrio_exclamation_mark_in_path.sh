#!/usr/bin/env bash
# pyogrio takes an exclamation mark in a path for the border between an archive and a file in it.
# So a folder or file whose name holds one ("sol!v2.gpkg", "Donnees 2024!/") can't be read by its
# plain path, absolute or not: what stands before the mark is dropped, and a file of the rest of the
# name in the working folder is read in its place, without a word.
#
# Seen with pyogrio 0.13.0: the values of another file come back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check \
  "pyogrio==0.13.0" "geopandas==1.2.0" "shapely==2.2.0" "numpy==2.4.6"
cd "$folder"
"$folder/env/bin/python" - <<'PY'
import os

import geopandas
import pyogrio
from shapely import Point

print("pyogrio", pyogrio.__version__)


def write(name, value):
    frame = geopandas.GeoDataFrame({"value": [value]}, geometry=[Point(0, 0)], crs=4326)
    frame.to_file("made.gpkg")
    os.rename("made.gpkg", name)


os.mkdir("data")
write("data/soil!v2.gpkg", 1)
write("v2.gpkg", 2)  # another file, in the working folder
asked = os.path.abspath("data/soil!v2.gpkg")
got = int(pyogrio.read_dataframe(asked)["value"].iloc[0])
print(f"asked for the file that holds 1, got {got}")
assert got == 2, got
print("as described")
PY
