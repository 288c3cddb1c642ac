"""Governance of a registry: tokens, suggestions, surveys, personal data and journal."""
