"""The schema of a record: its fields, vocabularies, values and footprint."""
