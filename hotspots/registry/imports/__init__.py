"""Importing records: reading a file, the plan of changes, three-way merge, one transaction."""
