"""People's work on a registry: their tokens, suggestions, surveys, personal data and journal."""
