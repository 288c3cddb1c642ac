"""Method cards: one page for each method, and for each result of an edition from no method.

Inputs, outputs and units, parameters with default and range, and the status of every row of the
factor tables are taken from the code; the texts are in ``cards.toml``.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TypedDict, cast

from hotspots.analysis.ipcc.factor_tables import status_counts, status_kind, table
from hotspots.edition.codebook import column_unit
from hotspots.edition.methods import METHODS
from hotspots.edition.recipe import Recipe
from hotspots.edition.recipe_choices import Choice, choices_of
from hotspots.errors import UnknownMethodError, near_matches
from hotspots.io.atomic import write_text
from hotspots.io.templates import rendered
from hotspots.layers.variables import Variable, variable
from hotspots.locale.escaping import markdown_plain, markdown_table

# Description of each kind; the first six are of methods, which a recipe can skip.
KINDS = {
    "input": "made of other inputs, where it isn't given",
    "potential": "what could be gained",
    "yardstick": "what a potential is compared with",
    "change": "what a model or a series saw",
    "loss": "what is at risk",
    "evidence": "what the losses add up to as evidence",
    "ranking": "which land stands out",
    "tables": "what regions, units and land uses hold",
    "errors": "how sure the numbers are",
}
DOUBTFUL = ("from memory", "convention")
INDEX = "../methods.md"  # from a card
VALIDATION = "validation"
_REPO = "../../"  # from docs/methods/
_TABLES = "hotspots/analysis/tables"
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_DOI = re.compile(r"doi:(10\.\S+[^\s.,;:)])")
# Columns of the factor tables other than the values and their keys.
_ASIDE = ("source", "status", "note", "error_meaning", "uncertainty_meaning", "symbolic")


class Constant(TypedDict):
    """A number in the code: where it is ("module:NAME"), its unit, meaning and status."""

    at: str
    unit: str
    about: str
    status: str


class Words(TypedDict, total=False):
    """Texts of a card, as in ``cards.toml``; the keys from `kind` on are of cards of no method."""

    title: str
    answers: str
    formula: str
    where: str
    optional: list[str]
    also_needs: list[str]
    columns: list[str]
    constants: list[Constant]
    context: list[str]
    assumptions: list[str]
    status: str
    limits: list[str]
    references: list[str]
    kind: str
    needs: list[str]
    gives: list[str]
    functions: list[str]
    tables: list[str]
    sections: list[str]
    text: str  # of the index only


@dataclass(frozen=True)
class Entry:
    """Subject of a card.

    Attributes
    ----------
    id, kind, title : str
        `kind` is one of `KINDS`.
    needs, gives : tuple of str
        Layers, with the default recipe; "a|b" where one of them suffices.
    functions, tables, sections : tuple of str
        "module:function" (relative to ``hotspots``), factor tables, and what is read of the recipe:
        whole sections, or "section.key".
    """

    id: str
    kind: str
    title: str
    needs: tuple[str, ...]
    gives: tuple[str, ...]
    functions: tuple[str, ...]
    tables: tuple[str, ...]
    sections: tuple[str, ...]


def card_ids() -> list[str]:
    """Return the ids of all cards: methods in their order, then the others."""
    return list(entries())


@cache
def entries() -> dict[str, Entry]:
    """Return the subjects of the cards by id, in the order of `card_ids`."""
    found = {}
    for method in METHODS:
        words = _words(method.id)
        found[method.id] = Entry(
            method.id,
            method.kind,
            words["title"],
            # Needs depend on the recipe in few methods, such as the dates of a change.
            method.needs(Recipe()),
            method.gives,
            method.functions,
            method.tables,
            method.sections,
        )
    for key in _texts():
        if key not in found and key != "index":
            words = _words(key)
            found[key] = Entry(
                key,
                words["kind"],
                words["title"],
                tuple(words["needs"]),
                tuple(words["gives"]),
                tuple(words["functions"]),
                tuple(words.get("tables", ())),
                tuple(words["sections"]),
            )
    return found


def rows() -> list[dict[str, str]]:
    """Return the cards as rows of text: id, kind, gives (layers, else columns), needs."""
    return [
        {
            "id": e.id,
            "kind": e.kind,
            "gives": ", ".join(_given(e)),
            "needs": ", ".join(name.replace("|", " or ") for name in e.needs),
        }
        for e in entries().values()
    ]


def card(card_id: str) -> str:
    """Return a card as Markdown, with links relative to ``docs/methods/``.

    Raises
    ------
    UnknownMethodError
        No card has this id; the message has near matches.
    """
    entry, words = _entry(card_id), _words(card_id)
    code = _bullets(f"[`{name}`]({_REPO}{source_of(name)})" for name in entry.functions)
    page = rendered(
        "hotspots.edition.methods",
        "card.md.j2",
        entry=entry,
        kind=KINDS[entry.kind],
        index=INDEX,
        words=words,
        bullets=_bullets,
        inputs=_inputs(entry, words),
        outputs=_outputs(entry, words),
        parameters=_parameters(entry),
        statuses=_statuses(entry, words),
        result=_validation_table() if card_id == VALIDATION else "",
        references=_DOI.sub(r"[doi:\1](https://doi.org/\1)", _bullets(words["references"])),
        code=code,
    )
    return f"{page}\n"


def index() -> str:
    """Return the page listing all cards, as Markdown with links relative to ``docs/``."""
    kinds = [(kind, about, _cards_of(kind)) for kind, about in KINDS.items()]
    text = _words("index")["text"].strip()
    page = rendered("hotspots.edition.methods", "methods.md.j2", text=text, kinds=kinds)
    return f"{page}\n"


def _cards_of(kind: str) -> str:
    """Return the table of the cards of one kind."""
    rows = [
        (
            f"[{entry.title}](methods/{entry.id}.md)",
            f"`{entry.id}`",
            _names(entry.needs),
            _names(_given(entry)),
        )
        for entry in entries().values()
        if entry.kind == kind
    ]
    return markdown_table(("Card", "Id", "Needs", "Gives"), rows)


def write_cards(folder: str | Path) -> list[Path]:
    """Write the cards into `folder` and the index beside it (``<folder>.md``); return the paths."""
    home = Path(folder)
    pages = {home / f"{card_id}.md": card(card_id) for card_id in card_ids()}
    pages[home.with_suffix(".md")] = index()
    for path, text in pages.items():
        write_text(path, text)
    return list(pages)


def relinked(markdown: str, home: str | None = None) -> str:
    """Return a card, or the index, with links for a place other than ``docs/``.

    With `home`, links to cards point below it, web links are kept, and links to files of the
    repository become plain text. Without `home` all links become plain text, and escapes are
    removed: for a terminal.
    """

    def link(found: re.Match[str]) -> str:
        """Return the replacement of one link."""
        text, target = found[1], found[2]
        if home is not None and target == INDEX:
            return f"[{text}]({home})"
        if home is None or target.startswith(".."):
            return text
        if target.startswith("https:"):
            return found[0]
        return f"[{text}]({home}/{target.removeprefix('methods/').removesuffix('.md')})"

    linked = _LINK.sub(link, markdown)
    return linked if home is not None else markdown_plain(linked)


def source_of(function: str) -> str:
    """Return the file of "module:function" or "module:NAME", relative to the repository's root."""
    return _module(function).replace(".", "/") + ".py"


def value_of(name: str) -> object:
    """Return the value of "module:NAME", or the default of "module:function.parameter"."""
    path, _, parameter = name.partition(":")[2].partition(".")
    found = getattr(import_module(_module(name)), path)
    return inspect.signature(found).parameters[parameter].default if parameter else found


# ---------------------------------------------------------------------------- from the code


def _inputs(entry: Entry, words: Words) -> str:
    needs = dict.fromkeys((*words.get("also_needs", ()), *entry.needs))
    rows = [_layer_row(name, "needed") for name in needs]
    rows += [_layer_row(name, "where given") for name in words.get("optional", ())]
    return markdown_table(("Layer", "Unit", "Meaning", "Range", "Use"), rows)


def _layer_row(name: str, use: str) -> tuple[str, ...]:
    first = _layer(name.split("|")[0])
    low_high = "" if first.classes else _range(first.low, first.high)
    return (_either(name), _unit(first), first.long_name, low_high, use)


def _outputs(entry: Entry, words: Words) -> str:
    rows = []
    for name in entry.gives:
        row = _layer(name)
        classes = f": {', '.join(row.classes.values())}" if row.classes else ""
        rows.append((f"`{name}`", _unit(row), f"{row.long_name}{classes}"))
    for name in words.get("columns", ()):
        # Any number in its place finds the unit and the meaning.
        unit, meaning = column_unit(name.replace("<years>", "20"))
        meaning = meaning.replace("20 years", "so many years") if "<" in name else meaning
        rows.append((f"`{name}` (column)", f"`{unit}`" if unit else "text", meaning))
    if not rows:
        return "No layer and no column of an edition: the table below."
    return markdown_table(("Name", "Unit", "Meaning"), rows)


def _parameters(entry: Entry) -> str:
    rows = []
    for name, choice in _choices(entry):
        allowed = _range(choice.low, choice.high) or ", ".join(f"`{a}`" for a in choice.allowed)
        if choice.factor:
            allowed = f"a level of {choice.factor[1]} for {choice.factor[0]}, see the table"
        unit = f"`{choice.unit}`" if choice.unit else ""
        rows.append((f"`{name}`", f"`{_shown(choice.default)}`", unit, allowed, choice.about))
    if not rows:
        return "None."
    return markdown_table(("Parameter", "Default", "Unit", "Allowed", "Meaning"), rows)


def _choices(entry: Entry) -> Iterable[tuple[str, Choice]]:
    """Yield "section.key" and the description of each parameter that a card's method reads."""
    sections = Recipe().sections
    for name in entry.sections:
        section, _, only = name.partition(".")
        for key, choice in choices_of(type(sections[section])).items():
            if only in ("", key):
                yield f"{section}.{key}", choice


def _statuses(entry: Entry, words: Words) -> list[str]:
    parts = [words["status"]]
    for name in entry.tables:
        parts += [f"{_table_link(name)}: {_counted(name)}.", *_doubtful_rows(name)]
    if "constants" in words:
        rows = [
            (
                f"`{c['at'].partition(':')[2]}`",
                f"`{_shown(value_of(c['at']))}`",
                f"`{c['unit']}`" if c["unit"] else "",
                c["about"],
                c["status"],
            )
            for c in words["constants"]
        ]
        heads = ("Number in the code", "Value", "Unit", "Meaning", "Status")
        parts.append(markdown_table(heads, rows))
    for status in DOUBTFUL:
        # The meaning of a parameter states its basis in these words.
        named = [f"`{name}`" for name, choice in _choices(entry) if status in choice.about]
        if named:
            parts.append(f"Parameters that are {_STATUS_WORDS[status]}: {', '.join(named)}.")
    for name in words.get("context", ()):
        parts.append(f"As context, not computed with here: {_table_link(name)}: {_counted(name)}.")
        parts += _doubtful_rows(name)
    return parts


_STATUS_WORDS = {"from memory": "from memory", "convention": "conventions"}


def _counted(name: str) -> str:
    return ", ".join(f"{count} {status}" for status, count in status_counts(name).items())


def _doubtful_rows(name: str) -> list[str]:
    """Return a list with a table of the rows from memory or convention; empty if there are none."""
    rows = [row for row in table(name) if status_kind(row["status"]) in DOUBTFUL]
    if not rows:
        return []
    known = [c for c in rows[0] if c not in _ASIDE and any(row[c] for row in rows)]
    known += [c for c in ("status", "note") if any(row.get(c) for row in rows)]
    cells = [tuple((row[c] or "").replace("*", r"\*") for c in known) for row in rows]
    return [markdown_table([c.replace("_", " ") for c in known], cells)]


def _table_link(name: str) -> str:
    return f"[`{name}.csv`]({_REPO}{_TABLES}/{name}.csv)"


def _validation_table() -> str:
    """Return the stored result of docs/validation.py, which needs data that aren't packaged."""
    path = files("hotspots.edition.methods").joinpath("validation_table.md")
    return path.read_text(encoding="utf-8").strip()


# ------------------------------------------------------------------------------- words and helpers


@cache
def _texts() -> dict[str, Words]:
    path = files("hotspots.edition.methods").joinpath("cards.toml")
    return cast("dict[str, Words]", tomllib.loads(path.read_text(encoding="utf-8")))


def _words(key: str) -> Words:
    return _texts()[key]


def _given(entry: Entry) -> Iterable[str]:
    """Return the layers of an entry, or else its columns of the tables."""
    return entry.gives or _words(entry.id).get("columns", ())


def _entry(card_id: str) -> Entry:
    known = entries()
    if card_id not in known:
        raise UnknownMethodError(
            f"There is no method card '{card_id[:80]}'{near_matches(card_id, known) or '.'}"
            f" The cards are {', '.join(known)}."
        )
    return known[card_id]


def _module(name: str) -> str:
    """Return the module of a name, which is relative to the package."""
    return f"hotspots.{name.partition(':')[0]}"


def _layer(name: str) -> Variable:
    """Return the variable of a layer; "<year>" stands for any year."""
    return variable(name.replace("<year>", "2000"))


def _unit(row: Variable) -> str:
    return "class" if row.classes else f"`{row.unit}`"


def _range(low: float | None, high: float | None) -> str:
    bounded = [v is not None and abs(v) < float("inf") for v in (low, high)]
    if all(bounded):
        return f"{low:g} to {high:g}"
    return f"{low:g} or more" if bounded[0] else ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(v)}" for key, v in value.items())
    return str(value)


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_either, names))


def _either(name: str) -> str:
    return " or ".join(f"`{part}`" for part in name.split("|"))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
