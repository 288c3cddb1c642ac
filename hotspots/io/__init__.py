"""Files: atomic writing, GeoTIFF and COG, limits, and errors of the operating system."""
