"""The methods of an edition, in the order in which they run: one table, from inputs to evidence.

``METHODS`` is what `hotspots methods` lists, what runs in an analysis, what the manifest reports
and what the method cards are made from.
"""

from __future__ import annotations

from hotspots.edition.methods.base import Method, State, require_known, require_usable, run_methods
from hotspots.edition.methods.loss import LOSS_METHODS
from hotspots.edition.methods.potential import POTENTIAL_METHODS
from hotspots.edition.methods.soil import INPUT_METHODS

METHODS: tuple[Method, ...] = (*INPUT_METHODS, *POTENTIAL_METHODS, *LOSS_METHODS)

__all__ = [
    "INPUT_METHODS",
    "LOSS_METHODS",
    "METHODS",
    "Method",
    "POTENTIAL_METHODS",
    "State",
    "require_known",
    "require_usable",
    "run_methods",
]
