"""Hotspots of a ranked map: eligibility, classes, patches, Getis-Ord Gi* and its p-values."""
