"""Files: written whole or not at all, GeoTIFF and COG, what the operating system reports."""
