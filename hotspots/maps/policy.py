"""Content security policy of a page: hashes of the inline scripts that may run."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser

# Scripts of other types are data blocks: browsers don't run them and no policy applies.
_SCRIPT_TYPES = {"", "module", "text/javascript", "application/javascript"}


def script_hashes(html: str) -> list[str]:
    """Return the sources (``'sha256-…'``) that allow the inline scripts of a page, sorted."""
    finder = _InlineScripts()
    finder.feed(html)
    finder.close()
    return sorted({f"'sha256-{_digest(script)}'" for script in finder.scripts})


def _digest(script: str) -> str:
    # Browsers hash the parsed text, in which every line ending is \n.
    parsed = script.replace("\r\n", "\n").replace("\r", "\n")
    return base64.b64encode(hashlib.sha256(parsed.encode()).digest()).decode()


class _InlineScripts(HTMLParser):
    """Collects the text of the inline scripts of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.scripts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Start collecting if the element is an executable inline script."""
        given = dict(attrs)
        runs = (given.get("type") or "").strip().lower() in _SCRIPT_TYPES
        self._inside = tag == "script" and "src" not in given and runs
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        """Stop collecting."""
        self._inside = False

    def handle_data(self, data: str) -> None:
        """Append text to the current script."""
        if self._inside:
            self.scripts[-1] += data
