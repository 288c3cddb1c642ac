"""Regions and their outlines: countries, regions of the initiative, a user's geometry."""
