"""Downloading source data: rate-limited, resumable, with one clear error message per fault."""
