"""What the API answers with: one model per shape of answer, documented in OpenAPI."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RegionKind = Literal["country", "initiative", "world", "total", "outside", "custom"]


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(description="Stable name of the kind of problem")
    title: str
    status: int
    detail: str = Field(description="What was given, what is allowed and what to do")
    instance: str = Field(description="Path that was asked for")


class Health(BaseModel):
    """That the service answers, the map too, and with what."""

    status: Literal["ok"] = "ok"
    edition: str
    version: str


class Ready(BaseModel):
    """That everything the service shows is there, in its present state."""

    status: Literal["ready"] = "ready"
    edition: str
    records: int = Field(description="Records of the registry, as the map has them")


class Names(BaseModel):
    """Names in the three languages."""

    en: str
    fr: str
    es: str


class RegionEntry(BaseModel):
    """A region that the edition has numbers of."""

    id: str = Field(description="ISO 3166-1 alpha-3, or the id of another region")
    kind: RegionKind
    names: Names
    link: str


class RegionDetail(RegionEntry):
    """A region and where its numbers are."""

    members: list[str] | None = Field(
        default=None, description="Countries of a region of the initiative"
    )
    summary: str = Field(description="Link to the region's numbers")


class Quantity(BaseModel):
    """One number with its unit; null has a reason."""

    model_config = ConfigDict(extra="forbid")

    value: float | int | None
    unit: str = Field(description="CF style; '1' for counts and shares")
    meaning: str
    reason: str | None = Field(default=None, description="Why there is no value")


class Input(BaseModel):
    """A data set that the numbers rest on."""

    name: str
    year: str | None
    licence: str | None
    source: str | None
    citation: str | None


class EditionEntry(BaseModel):
    """An edition: its recipe, what it was made of, and its figures."""

    id: str = Field(description="Hash of recipe, inputs, regions and code")
    region: str
    scenario: str
    recipe: dict[str, dict[str, Any]] = Field(description="Every choice; /recipe gives it as TOML")
    inputs: dict[str, str] = Field(description="SHA-256 of each input layer")
    summary: dict[str, Any] = Field(description="Figures of the whole, units in their names")
    licences: list[str]
    licence_notices: list[str] = Field(description="What they ask of a mix, in English")
    link: str


class MethodEntry(BaseModel):
    """A method, or another number that has a card, and what became of it in the edition."""

    id: str
    kind: str = Field(description="A method's kind; ranking, tables or errors for other cards")
    title: str
    status: str | None = Field(
        description="run, given, no data or skipped; null where the edition doesn't tell it"
    )
    reason: str | None = Field(description="Why a method gave nothing, in English")
    gives: list[str] = Field(description="Layers; those given in this edition, where it ran")
    link: str
    card: str = Field(description="Link to the card as a page")


class MethodDetail(MethodEntry):
    """A method and its card."""

    markdown: str = Field(description="The card, in English")


class Caveat(BaseModel):
    """What must be said with the numbers."""

    id: str
    text: str = Field(description="In the language asked for")


class Summary(RegionEntry):
    """The numbers of one region: the row of the edition's table, nothing recomputed."""

    edition: str = Field(description="Id of the edition that the numbers come from")
    value_from: str = Field(description="covered, nearest or missing")
    note: str | None = None
    values: dict[str, Quantity]
    inputs: list[Input]
    caveats: list[Caveat]
    notes: list[str] = Field(description="What the analysis met in the data, in English")
