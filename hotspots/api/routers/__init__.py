"""One small file per group of routes."""
