"""IPCC guidelines: climate zones, soil classes, reference stocks, factors, Tier 1, organic soil."""
