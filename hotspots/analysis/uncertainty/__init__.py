"""Uncertainty: error models, random fields, totals, stability, ranks, sensitivity, validation."""
