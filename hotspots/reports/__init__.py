"""Reports: the results of an edition as readable text."""
