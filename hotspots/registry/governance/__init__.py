"""Governance of a registry: tokens, grants, suggestions, surveys, personal data and journal."""
