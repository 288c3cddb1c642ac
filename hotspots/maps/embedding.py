"""Safe embedding of texts from data in a page: never as markup, script or template source.

A text reaches the page in one of two ways: as JSON in a data block, which the page's script shows
with ``textContent``, or as a value in the panel's autoescaped template. Both are added to the
figure as `Verbatim`, which isn't parsed as a template. In addition, neither contains an opening
delimiter of a template (``{{``, ``{%``, ``{#``, ``${``), so that the page can be embedded in other
templates.
"""

from __future__ import annotations

import json
import re

from branca.element import Element

from hotspots.locale import escaping
from hotspots.store.provenance import plain

DATA_ID = "hs-data"
# A brace of JSON is followed by a quote or "}", and never follows "$"; others belong to texts.
_BRACE_OF_TEXT = re.compile(r'\{(?!["}])|(?<=\$)\{')
# Control characters would be interpreted by a terminal that prints the file.
_BRACE_OR_CONTROL = re.compile(r"[{\x01-\x08\x0b\x0e-\x1f]")
_SIGNS = {sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
_ANY_SIGN = re.compile(f"[{''.join(_SIGNS)}]")


class Verbatim(Element):
    """Text that is inserted into a figure unchanged.

    `branca.element.Element` would parse the text as a template.
    """

    def __init__(self, content: str) -> None:
        super().__init__()
        self._content = content

    def render(self, **kwargs: object) -> str:
        """Return the text."""
        return self._content


def data_block(data: object) -> str:
    """Return the element with the page's data, which browsers don't execute."""
    return f'<script type="application/json" id="{DATA_ID}">{safe_json(data)}</script>'


def safe_json(value: object) -> str:
    r"""Return JSON that is safe in a ``<script>`` element and in a template.

    ``<``, ``>``, ``&``, U+2028, U+2029 and the opening braces of texts are written as ``\uXXXX``;
    NaN and infinities as null.
    """
    # `plain` turns NaN and infinities into null, so none is left to refuse.
    shown = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    shown = _ANY_SIGN.sub(lambda found: _SIGNS[found.group()], shown)
    return _BRACE_OF_TEXT.sub(r"\\u007b", shown)


def inert(markup: str) -> str:
    """Return HTML with opening braces and control characters as character references.

    For HTML without scripts and styles, in which character references aren't decoded.
    """
    return _BRACE_OR_CONTROL.sub(lambda found: f"&#{ord(found.group())};", markup)


def html_text(text: str) -> str:
    """Return a text escaped for HTML."""
    return inert(escaping.html_text(text))
