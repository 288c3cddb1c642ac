"""What a map's page holds, read as a browser reads it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

from hotspots.maps.embedding import DATA_ID

_CONTROL = re.compile(r"&#([0-9]|[12][0-9]|3[01]);")


class Read(HTMLParser):
    """The texts, attribute values, elements and scripts of a page, references resolved."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.values: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.blocks: dict[str, Any] = {}
        self._within = ""
        # A browser keeps what such a reference stands for; this parser would leave it out.
        self.feed(_CONTROL.sub(lambda found: chr(int(found[1])), html))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102
        self.elements.append((tag, dict(attrs)))
        self.values += [value or "" for _, value in attrs]
        self._within = tag

    def handle_endtag(self, tag: str) -> None:  # noqa: D102
        self._within = ""

    def handle_data(self, data: str) -> None:  # noqa: D102
        if self._within == "script":
            attributes = self.elements[-1][1]
            if attributes.get("type") == "application/json":
                self.blocks[str(attributes["id"])] = json.loads(data)
            else:
                self.scripts.append(data)
        elif self._within != "style":
            self.texts.append(data)


def data_of(html: str) -> Any:
    """Return the data of a page, as its script gets them."""
    return Read(html).blocks[DATA_ID]


def strings(data: Any) -> list[str]:
    """Return all texts in JSON data, keys included."""
    if isinstance(data, dict):
        return [s for key, value in data.items() for s in (key, *strings(value))]
    if isinstance(data, list):
        return [s for value in data for s in strings(value)]
    return [data] if isinstance(data, str) else []
