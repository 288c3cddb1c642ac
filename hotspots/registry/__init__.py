"""Who does what and where: records, their vocabulary and the registry that holds them."""

from hotspots.registry.model import COLUMNS, Problem, Record, check_row
from hotspots.registry.store import Registry, open_registry
from hotspots.registry.vocabulary import label, vocabulary

__all__ = [
    "COLUMNS",
    "Problem",
    "Record",
    "Registry",
    "check_row",
    "label",
    "open_registry",
    "vocabulary",
]
