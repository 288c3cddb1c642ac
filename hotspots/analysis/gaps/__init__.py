"""Gaps: needs of hotspots and regions that no record meets; tables in, ranked tables out.

Computed from an edition and a registry as they stand, never written into an edition. `COLUMNS`
gives the unit and meaning of each column.
"""

from hotspots.analysis.gaps.columns import COLUMNS, COMPLETENESS
from hotspots.analysis.gaps.crowding import crowded, outside
from hotspots.analysis.gaps.hotspot_gaps import gaps
from hotspots.analysis.gaps.practice_gaps import practice_gaps
from hotspots.analysis.gaps.region_gaps import (
    RegionFacts,
    ResearchFilter,
    region_gaps,
    research_gaps,
)

__all__ = [
    "RegionFacts",
    "ResearchFilter",
    "COLUMNS",
    "COMPLETENESS",
    "crowded",
    "gaps",
    "outside",
    "practice_gaps",
    "region_gaps",
    "research_gaps",
]
