"""Urgency: how fast soil carbon is lost, kept apart from potential as a second axis."""
