"""Plain words: texts of the package, its docs and its catalogues avoid a private dialect."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

# A name of the phrase, its pattern, and what to write instead. Comparatives stay: "no wider than".
_COMPARED = "longer|later|more|less|fewer|larger|greater|smaller|wider|nearer|better|higher|lower"
REFUSED = {
    "told": (r"\btold\b", "distinguished, stated, reported, listed"),
    "anew": (r"\banew\b", "again"),
    "mend": (r"\bmend(?:s|ed|ing)?\b", "repair, correct"),
    "is had": (r"\b(?:is|are|was|were|be|been|being) had\b", "is available, is obtained"),
    # "There is no folder" is plain English; "that is no folder" isn't.
    "is no X": (
        rf"(?<!\b[Tt]here )\b(?:is|are|was|were) no (?!(?:{_COMPARED})\b)[a-z]+",
        "isn't a folder",
    ),
    "what to mind": (r"\bwhat to mind\b", "caveats"),
    "hang together": (r"\bh[au]ngs? together\b", "connected"),
    "as of `x`": (r"\b[Aa]s of `", "shape, unit and meaning, or: see `x`"),
    "a must": (r"\b[Aa] must\b", "required"),
}
# File -> phrases that may stand there, and why. The list only gets shorter.
_LONG_NAME = "long_name of a layer: its rasters hold it, and their bytes are promised"
ALLOWED: dict[str, dict[str, str]] = {
    "hotspots/layers/variables.py": {"told": _LONG_NAME},
    "docs/methods/modelled_change.md": {"told": _LONG_NAME},
}


class Found(NamedTuple):
    """A refused phrase: its name, and the words around it."""

    phrase: str
    words: str


def refused(text: str) -> Iterator[Found]:
    """Yield the refused phrases of a text, also where a line break divides them."""
    plain = " ".join(text.split())
    for phrase, (pattern, _) in REFUSED.items():
        for match in re.finditer(pattern, plain):
            yield Found(phrase, plain[max(0, match.start() - 30) : match.end() + 30])


def python_texts(code: str) -> Iterator[str]:
    """Yield the comments (those on adjoining lines as one), docstrings and strings of a module."""
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            if block and token.start[0] != last + 1:
                yield " ".join(block)
                block = []
            block.append(token.string.lstrip("# "))
            last = token.start[0]
    yield " ".join(block)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.JoinedStr):
            # What is filled in is one word of the sentence.
            parts = (p.value if isinstance(p, ast.Constant) else "x" for p in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def files(repo: Path) -> list[Path]:
    """Return the files with prose: the package without assets, and the docs."""
    package = repo / "hotspots"
    found = [p for ending in ("py", "toml", "md") for p in package.rglob(f"*.{ending}")]
    own = [path for path in found if "vendor" not in path.relative_to(package).parts]
    return sorted([*own, *(repo / "docs").rglob("*.md"), repo / "README.md"])


def phrases(path: Path) -> list[Found]:
    """Return the refused phrases of a file."""
    text = path.read_text(encoding="utf-8")
    texts = python_texts(text) if path.suffix == ".py" else [text]
    return [found for one in texts for found in refused(one)]


def test_texts_are_read(repo: Path) -> None:
    read = {path.relative_to(repo).as_posix() for path in files(repo)}
    catalogues = {f"hotspots/locale/{lang}.toml" for lang in ("en", "fr", "es")}
    assert catalogues | {"README.md", "docs/architecture.md", "hotspots/errors.py"} <= read


def test_worst_words_are_absent(repo: Path) -> None:
    bad = []
    for path in files(repo):
        name = path.relative_to(repo).as_posix()
        for found in phrases(path):
            if found.phrase not in ALLOWED.get(name, {}):
                bad.append(f"{name}: '{found.words}': write {REFUSED[found.phrase][1]}")
    assert bad == []


def test_what_is_allowed_is_still_there(repo: Path) -> None:
    """An entry of the list goes when its phrase does."""
    for name, allowed in ALLOWED.items():
        there = Counter(found.phrase for found in phrases(repo / name))
        assert set(allowed) <= set(there), name
        assert all(allowed.values()), name


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Land is told apart\nfrom sea.", "told"),
        ("The index is built anew.", "anew"),
        ("Rings are mended.", "mend"),
        ("How the bytes are\nhad.", "is had"),
        ("'x' is no folder.", "is no X"),
        ("These are no numbers.", "is no X"),
        ("What to read, and what to mind.", "what to mind"),
        ("Cells that hang together.", "hang together"),
        ("As of `mean`.", "as of `x`"),
        ("Only a unit is a must.", "a must"),
    ],
)
def test_a_refused_phrase_is_seen(text: str, phrase: str) -> None:
    assert [found.phrase for found in refused(text)] == [phrase]


@pytest.mark.parametrize(
    "text",
    [
        "There is no folder 'x'.",
        "Cells no wider than those asked for are no larger.",
        "It had been read before.",
        "As of 2020, amend the recipe.",
        "The value is not known.",
    ],
)
def test_plain_english_passes(text: str) -> None:
    assert list(refused(text)) == []


def test_comments_strings_and_filled_in_texts_are_read() -> None:
    code = '"""A docstring."""\n# A comment that\n# goes on.\nraise E(f"\'{x}\' is no {kind}.")\n'
    texts = list(python_texts(code))
    assert {"A docstring.", "A comment that goes on.", "'x' is no x."} <= set(texts)
    assert [found.phrase for text in texts for found in refused(text)] == ["is no X"]
