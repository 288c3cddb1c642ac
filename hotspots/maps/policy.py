"""Which scripts of a page may run: those that were written into it, each by its hash."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

# Of another type, a script is a block of data: no browser runs it and no policy governs it.
_SCRIPT_TYPES = {"", "module", "text/javascript", "application/javascript"}


def script_hashes(html: str) -> list[str]:
    """Return the sources (``'sha256-…'``) that allow the inline scripts of a page, sorted."""
    finder = _InlineScripts()
    finder.feed(html)
    finder.close()
    return sorted({f"'sha256-{_digest(script)}'" for script in finder.scripts})


def _digest(script: str) -> str:
    # A browser hashes what it has parsed, and it reads any end of line as \n.
    parsed = script.replace("\r\n", "\n").replace("\r", "\n")
    return base64.b64encode(hashlib.sha256(parsed.encode()).digest()).decode()


class _InlineScripts(HTMLParser):
    """Collects the text of the scripts that stand in a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.scripts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin to gather, if it is a script that would run."""
        given = dict(attrs)
        runs = (given.get("type") or "").strip().lower() in _SCRIPT_TYPES
        self._inside = tag == "script" and "src" not in given and runs
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        """End a script."""
        self._inside = False

    def handle_data(self, data: str) -> None:
        """Gather the text of a script."""
        if self._inside:
            self.scripts[-1] += data
