"""What was found in a file, or in one layer of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotspots.layers.array_types import FloatArray


@dataclass(frozen=True)
class Fact:
    """One line on a file.

    Attributes
    ----------
    key : str
        Name of the fact: of its label in the catalogues (``check.label.<key>``), and in JSON.
    text : str
        In the reader's language.
    value : object
        The same for programs: numbers, texts, lists and mappings that JSON can hold.
    """

    key: str
    text: str
    value: object


@dataclass(frozen=True)
class Picture:
    """A small map.

    Attributes
    ----------
    values : array, shape (rows, columns)
        From the north-west; NaN is missing.
    of_classes : bool
        Whether the values are codes.
    aspect : float
        Width of a cell divided by its height, on the ground.
    """

    values: FloatArray
    of_classes: bool = False
    aspect: float = 1.0


@dataclass(frozen=True)
class Finding:
    """What a file, or one layer of it, is understood as.

    Attributes
    ----------
    file : str
        Path as given.
    kind : str
        "raster", "points", "polygons" or "records".
    layer : str
        Variable of a file with several, column of a table; "" where there is none.
    facts : tuple of Fact
    picture : Picture or None
    notes : tuple of str
        How the file is read, in the words of the command that reads it.
    doubts : tuple of str
        What is implausible, one sentence each; nothing is refused for it.
    needs : tuple of str
        What the command would ask for in addition, one sentence each.
    refusals : tuple of str
        Why the command would refuse the file, in its words; empty if it wouldn't.
    """

    file: str
    kind: str
    layer: str = ""
    facts: tuple[Fact, ...] = ()
    picture: Picture | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()

    @property
    def is_understood(self) -> bool:
        """Whether the command that takes such files would take this one, as far as is declared."""
        return not self.refusals

    def as_json(self) -> Mapping[str, object]:
        """Return the finding as a mapping that JSON can hold."""
        return {
            "file": self.file,
            "kind": self.kind,
            "layer": self.layer,
            "understood": self.is_understood,
            **{fact.key: fact.value for fact in self.facts},
            "notes": list(self.notes),
            "doubts": list(self.doubts),
            "needs": list(self.needs),
            "refusals": list(self.refusals),
        }


@dataclass
class Draft:
    """A finding while it is gathered; its attributes are those of `Finding`."""

    file: str
    kind: str
    layer: str = ""
    facts: list[Fact] = field(default_factory=list)
    picture: Picture | None = None
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def add(self, key: str, text: str, value: object) -> None:
        """Add a fact; one without text is left out."""
        if text:
            self.facts.append(Fact(key, text, value))

    def finding(self) -> Finding:
        """Return the finding; sentences that are said twice are kept once."""
        notes, doubts, needs, refusals = (
            tuple(dict.fromkeys(map(str, lines)))
            for lines in (self.notes, self.doubts, self.needs, self.refusals)
        )
        return Finding(
            self.file,
            self.kind,
            self.layer,
            tuple(self.facts),
            self.picture,
            notes,
            doubts,
            needs,
            refusals,
        )
