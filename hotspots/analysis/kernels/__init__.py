"""Inner loops over large grids: a fast form (numba) and a plain one with the same arguments."""
