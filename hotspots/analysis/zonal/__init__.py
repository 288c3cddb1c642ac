"""Zonal statistics: exact cover fractions, and sums and means weighted by true areas."""

from hotspots.analysis.zonal.statistics import zonal

__all__ = ["zonal"]
