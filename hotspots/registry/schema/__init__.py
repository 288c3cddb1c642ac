"""The schema of a record: its fields, vocabularies, values, footprint, and their validation."""
