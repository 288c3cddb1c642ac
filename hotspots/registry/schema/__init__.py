"""What a record is: its fields, vocabularies, values and footprint."""
