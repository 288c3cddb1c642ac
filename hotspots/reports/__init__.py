"""Reports: the results of an edition, and what a file is understood as, as readable text."""
