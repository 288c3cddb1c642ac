"""Layers: canonical variables, units, dimensions, plausible values, legends, grids."""
