"""Texts that a template, a page, a sheet or a terminal would read as code; harmless if one does."""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    "{{ 7 * 191 }}",
    "{% if %}",
    "{# note",
    "${7*191}",
    "<b>x</b>",
    "=1+1",
    "\x1b[31mred\x1b[0m",
    "</script><b>x</b>",
    "\u202eabc",
)

# What stands in an output if the first or the fourth text was evaluated.
RESULT = "1337"
