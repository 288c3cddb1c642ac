"""Rows of a file planned against the registry: validation, three-way merge, problems."""
