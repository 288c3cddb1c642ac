"""Planning imports: validation of rows, three-way merge with the registry, ids."""
