"""Layers as such: canonical variables, units, dimensions, plausible values, legends, grids."""
