r"""Text that came from data, made safe for where it is shown: one function for each kind of output.

Names, tags, file names and error messages of other programs may hold anything. Each function
returns a text that its reader (a terminal, a browser, a spreadsheet, a shell) shows and doesn't
obey. SQL isn't among them: there, values are bound parameters.

=========================  =====================================================================
terminal, log, plain text  `visible` (lines stay), `one_line`, `indented`
JSON on a terminal         `visible_json`
HTML                       `html_text`
Markdown                   `markdown_text`, `markdown_code`, `markdown_link`, `markdown_table`
CSV                        `spreadsheet_text`, and `from_spreadsheet` back
XML                        `xml_text`
a suggested command        `shell_word`
TOML                       `toml_text`
=========================  =====================================================================
"""

from __future__ import annotations

import html
import json
import re
import shlex
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

# Controls, marks that turn the direction of text, unseen signs, halves of characters, line ends
# that only some programs know.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# These Persian and the languages of India need; U+FFFD is what can't be read already.
_JOINERS = "\u200c\u200d"
_KEPT = "\n\t" + _JOINERS
# What spreadsheets take for the beginning of a formula, blanks before it aside; the full-width
# signs in some languages.
_SIGNS = r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA = re.compile(rf"'*[ \u00a0]*{_SIGNS}")
_NUMBER = re.compile(r"'*-\d+(\.\d+)?([eE][+-]?\d+)?")
# Where a spreadsheet with another list separator, or one that takes the quotes of such a file for
# letters, begins another cell within this one, and the apostrophes there. Quotes are passed over:
# some of them it removes.
_PART = re.compile(rf"([,;\t\r\n])('*)(?=[\"' \u00a0]*{_SIGNS})")
# What XML 1.0 can't hold, in whatever form.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# What means something anywhere in a line of CommonMark; braces for templates round the Markdown.
_MARKDOWN = re.compile(r"[\\`*\[\]<>{}|]|&(?=#?\w+;)|(?<!\w)_|_(?!\w)|~(?=~)")
# What means something at the beginning of a line.
_MARKDOWN_START = re.compile(r"(?:#{1,6}|[-+=]+|~{3,}|\d{1,9}[.)])(?=\s|$)|~{3,}")
_WEB = re.compile(r"https?://[^\s<>\"'`|\\]+")


# --------------------------------------------------------------------- terminals, logs, plain text


def visible(text: object) -> str:
    r"""Return a text that can't steer what shows it: U+001B is written as ``\x1b``; lines stay."""
    given = str(text)
    return given if given.isascii() and given.isprintable() else "".join(map(_seen, given))


def one_line(text: object) -> str:
    """Return a text as `visible` does, on one line, so that no part of it looks like the next."""
    return visible(" ".join(str(text).split("\n"))).replace("\t", " ")


def indented(text: object, by: str = "  ") -> str:
    """Return a text as `visible` does; lines after the first begin with `by`, as its own parts."""
    first, *others = visible(text).split("\n")
    return "\n".join([first, *(by + line if line else line for line in others)])


def visible_json(text: str) -> str:
    r"""Return JSON that means the same, and in which what is unseen is written as ``\u001b``."""
    if text.isascii() and "\x7f" not in text:
        return text  # JSON has no raw controls in its strings
    return "".join(c if _is_seen(c) else json.dumps(c)[1:-1] for c in text)


@cache
def _is_seen(character: str) -> bool:
    return character in _KEPT or (
        unicodedata.category(character) not in _UNSEEN and character not in "\ufffe\uffff"
    )


@cache
def _seen(character: str) -> str:
    if _is_seen(character):
        return character
    code = ord(character)
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else (f"\\U{code:08x}")
    )


# ------------------------------------------------------------------------------- pages and markup


def html_text(text: object) -> str:
    """Return text for the inside of an HTML element or of a quoted attribute."""
    return html.escape(str(text), quote=True)


def xml_text(text: object) -> str:
    r"""Return text that XML can hold, which isn't escaped yet; U+001B is written as ``\x1b``."""
    return _NOT_XML.sub(lambda odd: _seen(odd[0]), str(text))


def markdown_text(text: object) -> str:
    """Return Markdown that shows a text as it is, on one line: no element, link or heading."""
    line = _MARKDOWN.sub(r"\\\g<0>", " ".join(one_line(text).split()))
    start = _MARKDOWN_START.match(line)
    if start is None:
        return line
    at = start.end() - 1 if start[0][0].isdigit() else 0  # "1\." but "\#"
    return f"{line[:at]}\\{line[at:]}"


def markdown_code(text: object) -> str:
    """Return Markdown that shows a text as code on one line; nothing is escaped within code."""
    line = one_line(text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if longest else ""  # a backtick at the edge would join the fence
    return f"{fence}{edge}{line}{edge}{fence}"


def markdown_link(address: object) -> str:
    """Return a web address as a Markdown link; any other text is shown as it is."""
    given = one_line(address)
    return f"<{given}>" if _WEB.fullmatch(given) else markdown_text(given)


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown cells; a bar within a cell, in code too, is escaped once."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in lines)


def _cell(markdown: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", markdown)


def markdown_plain(markdown: str) -> str:
    """Return Markdown without its backslashes, as a terminal shows it."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown)


# --------------------------------------------------------------- spreadsheets, shells, other files


def like_formula(cell: str) -> bool:
    """Return whether a spreadsheet may take text for a formula, leading apostrophes aside."""
    return bool(_FORMULA.match(cell)) and not _NUMBER.fullmatch(cell)


def spreadsheet_text(cell: str, delimiter: str = ",") -> str:
    r"""Return the text of a CSV cell, in which apostrophes precede what looks like a formula.

    That is the cell's own beginning, unless it is a plain number, and what follows a comma,
    semicolon, tab or line end within the cell, numbers too: a spreadsheet whose list separator
    isn't the file's begins a cell there, and what it takes for the rest of that cell is the rest
    of the row.

    Parameters
    ----------
    cell : str
        Any text.
    delimiter : str
        The file's own, at which no cell is divided since the cell is then quoted. After it, only
        apostrophes that are there already get another one.

    Returns
    -------
    str
        Text for a `csv.writer`; `from_spreadsheet` is the inverse whatever the delimiter.
    """

    def guarded(part: re.Match[str]) -> str:
        """Return a separator and one apostrophe more, where one is needed."""
        separator, apostrophes = part.groups()
        needed = apostrophes or separator != delimiter
        return f"{separator}{apostrophes}'" if needed else separator

    within = _PART.sub(guarded, cell)
    return f"'{within}" if like_formula(cell) else within


def from_spreadsheet(cell: str) -> str:
    """Return the text that `spreadsheet_text` was given."""
    within = _PART.sub(lambda part: f"{part[1]}{part[2][1:]}", cell)
    return within[1:] if cell.startswith("'") and like_formula(cell) else within


def shell_word(text: object) -> str:
    """Return a text as one word of a POSIX shell, for a command that a message suggests."""
    return shlex.quote(str(text))


def toml_text(text: str) -> str:
    """Return a text as a TOML string, quotes round it."""
    # JSON escapes what TOML does, but for the delete character; half a character is in neither.
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")
