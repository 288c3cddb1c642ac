"""What a file is understood as before it is added, by the readers of the commands that add it.

| module | subject |
|---|---|
| `finding` | what was found in a file, or in one layer of it |
| `files` | which kind of file it is |
| `layers` | a layer, as `hotspots add-layer` or `analyze --data` takes it |
| `stored` | a raster as its file stores it |
| `points`, `outlines` | what is particular to tables of points, and to polygons |
| `records` | a sheet of records, as `hotspots registry import` takes it |
| `places`, `picture` | where values lie, in words, and how they look |
| `lines` | the findings as text and as JSON |
"""
