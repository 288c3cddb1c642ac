"""Deduplication of records: similarity of names, candidate pairs, and merging."""
