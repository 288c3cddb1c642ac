"""The map's pages: drawn and compressed once per language and state of the registry, and cached."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import gzip
import hashlib
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hotspots.api.http_errors import NotDrawnError, kind_of
from hotspots.api.records import Records
from hotspots.api.security import policy_for
from hotspots.errors import HotspotsError

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition
    from hotspots.registry import Registry

RETRY_S = 10.0  # interval before a failed drawing is tried again, s
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Body:
    """A page in the form that is sent, with its strong validator (ETag)."""

    content: bytes
    etag: str
    encoding: str | None = None


@dataclass(frozen=True)
class Page:
    """A page and the Content-Security-Policy that allows exactly its scripts."""

    plain: Body
    packed: Body
    policy: str


class MapPages:
    """The map of an edition with the records of a registry, by language.

    A single thread draws the map and reads the registry, so waiting readers occupy no thread and
    the memory for a drawing is allocated once.

    Parameters
    ----------
    edition : Edition
    registry : Registry
    seconds : float
        Maximum delay, in s, before a change of the registry is noticed; drawing takes further
        time.
    """

    def __init__(self, edition: Edition, registry: Registry, seconds: float = 1.0) -> None:
        self._edition = edition
        self._records = Records(registry, seconds)
        self._pages: dict[str, Page] = {}
        self._failed: dict[str, tuple[float, str]] = {}
        self._worker = ThreadPoolExecutor(1, "map")

    @property
    def stale(self) -> HotspotsError | None:
        """Why the registry couldn't be read at the last check; None if it could."""
        return self._records.fault

    @property
    def record_count(self) -> int:
        """Number of records from which the map was drawn."""
        return len(self._records.records)

    def kept(self, lang: str) -> Page | None:
        """Return the cached page in `lang` if no check of the registry is due, else None."""
        return self._pages.get(lang) if self._records.is_fresh else None

    def page(self, lang: str) -> Page:
        """Return the page in `lang`; the first caller draws it, the others wait for it.

        Raises
        ------
        NotDrawnError
            It can't be drawn; the log holds the cause. For `RETRY_S` no other attempt is made.
        """
        return self.kept(lang) or self._worker.submit(self._current, lang).result()

    async def drawn(self, lang: str) -> Page:
        """Return the page as `page` does, for a route: a waiting request occupies no thread."""
        kept = self.kept(lang)
        if kept is not None:
            return kept
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self._current, lang)

    def _current(self, lang: str) -> Page:
        """Return the page in `lang`; runs in the thread of `_worker` only."""
        when, reason = self._failed.get(lang, (0.0, ""))
        if reason and time.monotonic() - when < RETRY_S:
            raise NotDrawnError(reason)
        try:
            if self._records.refresh():
                self._pages.clear()
            if lang not in self._pages:
                self._pages[lang] = self._draw(lang)
        except Exception as fault:
            _log.exception("The map in '%s' can't be drawn.", lang)
            self._failed[lang] = (time.monotonic(), _reason(fault))
            raise NotDrawnError(_reason(fault)) from None
        self._failed.pop(lang, None)
        return self._pages[lang]

    def _draw(self, lang: str) -> Page:
        from hotspots.maps import explore

        drawn = explore(self._edition, registry=self._records, lang=lang, cards="/methods/")
        html = drawn.get_root().render()
        page = Page(_body(html.encode()), _packed(html.encode()), policy_for(html))
        del drawn, html
        _give_memory_back()
        return page


def _body(content: bytes, encoding: str | None = None) -> Body:
    return Body(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"', encoding)


def _packed(content: bytes) -> Body:
    # Without a time stamp, so that the same page gives the same bytes.
    return _body(gzip.compress(content, 9, mtime=0), "gzip")


def _reason(fault: Exception) -> str:
    """Return the reason without the file names that the error's own message may contain."""
    why = kind_of(fault).title if isinstance(fault, HotspotsError) else "an unexpected fault"
    return f"The map can't be drawn ({why[:1].lower()}{why[1:]}); the service's log says more."


def _give_memory_back() -> None:
    """Free the memory of the drawing.

    Its elements form reference cycles, and glibc keeps freed memory.
    """
    gc.collect()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another libc
            ctypes.CDLL(None).malloc_trim(0)
