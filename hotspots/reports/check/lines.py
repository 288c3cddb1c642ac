"""Findings as lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from hotspots.locale import text
from hotspots.locale.escaping import one_line
from hotspots.reports.check.finding import Finding
from hotspots.reports.check.picture import picture_lines

_WIDTH = 100


def finding_lines(finding: Finding, lang: str) -> Iterator[str]:
    """Yield the lines on a file: facts, a small map, notes, doubts, and what is asked for."""
    yield one_line(_title(finding, lang))
    labels = {fact.key: text(f"check.label.{fact.key}", lang) for fact in finding.facts}
    sections = {
        "notes": finding.notes,
        "doubts": finding.doubts,
        "needs": finding.needs,
        "refusals": finding.refusals,
    }
    headings = {key: text(f"check.section.{key}", lang) for key in sections}
    width = max(map(len, [*labels.values(), *headings.values()]))
    for fact in finding.facts:
        yield from _entry(labels[fact.key], fact.text, width)
    if finding.picture is not None:
        yield ""
        yield from (f"  {line}" for line in picture_lines(finding.picture, lang))
        yield ""
    for key, sentences in sections.items():
        yield from _section(headings[key], sentences, width)


def _title(finding: Finding, lang: str) -> str:
    kind = text(f"check.kind.{finding.kind}", lang)
    layer = f", {finding.layer}" if finding.layer else ""
    return f"{PurePath(finding.file).name}{text('format.colon', lang)}{kind}{layer}"


def _section(heading: str, sentences: Sequence[str], width: int) -> Iterator[str]:
    for at, sentence in enumerate(sentences):
        yield from _entry(heading if at == 0 else "", sentence, width)


def _entry(label: str, said: str, width: int) -> Iterator[str]:
    indent = " " * (width + 4)
    wrapped = textwrap.wrap(
        one_line(said),
        _WIDTH,
        initial_indent=f"  {label:<{width}}  ",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from wrapped
