"""Inputs that can be made of others: the stock of soil layers, the climate zone, the soil class."""

from __future__ import annotations

from hotspots.methods.base import Method

INPUT_METHODS: tuple[Method, ...] = ()
