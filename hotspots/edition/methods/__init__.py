"""The methods of an edition, from inputs to evidence, in the order in which they run.

``METHODS`` is listed by `hotspots methods`, run by an analysis, reported in the manifest and
described by the method cards.
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
