"""Rasters as files have them: where their cells lie, what their numbers mean, and their bands."""
