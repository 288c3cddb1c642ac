"""Pages that take long to draw and don't change: drawn once per language, then kept."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from hotspots.api.security import policy_for

if TYPE_CHECKING:
    from hotspots.edition import Edition
    from hotspots.registry import Registry


@dataclass(frozen=True)
class Page:
    """A page and the Content-Security-Policy that lets exactly its scripts run."""

    html: str
    policy: str


class MapPages:
    """The map of an edition with the records of a registry, by language."""

    def __init__(self, edition: Edition, registry: Registry) -> None:
        self._edition = edition
        self._registry = registry
        self._pages: dict[str, Page] = {}
        self._drawing = Lock()

    def page(self, lang: str) -> Page:
        """Return the page in `lang`; the first caller draws it, others wait for that one."""
        with self._drawing:
            if lang not in self._pages:
                self._pages[lang] = self._draw(lang)
            return self._pages[lang]

    def _draw(self, lang: str) -> Page:
        from hotspots.maps import explore

        page = explore(self._edition, registry=self._registry, lang=lang, cards="/methods/")
        html = page.get_root().render()
        return Page(html, policy_for(html))
