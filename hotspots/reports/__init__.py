"""Reports: what an edition says, for people to read."""
