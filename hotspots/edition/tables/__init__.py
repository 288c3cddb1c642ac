"""The tables of an edition: regions, country and climate zone units, land use, intervals."""
