"""Response models of the API, documented in OpenAPI."""

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
    instance: str = Field(description="Path of the request")


class Health(BaseModel):
    """State of the service: it responds, and the map is drawn."""

    status: Literal["ok"] = "ok"
    edition: str
    version: str


class Ready(BaseModel):
    """Readiness: edition, map and registry are available in their present state."""

    status: Literal["ready"] = "ready"
    edition: str
    records: int = Field(description="Number of registry records from which the map was drawn")


class Names(BaseModel):
    """Names in the three languages."""

    en: str
    fr: str
    es: str


class RegionEntry(BaseModel):
    """A region for which the edition has numbers."""

    id: str = Field(description="ISO 3166-1 alpha-3, or the id of another region")
    kind: RegionKind
    names: Names
    link: str


class RegionDetail(RegionEntry):
    """A region with the link to its numbers."""

    members: list[str] | None = Field(
        default=None, description="Countries of a region of the initiative"
    )
    summary: str = Field(description="Link to the region's numbers")


class Quantity(BaseModel):
    """One number with its unit; a null value has a reason."""

    model_config = ConfigDict(extra="forbid")

    value: float | int | None
    unit: str = Field(description="CF style; '1' for counts and shares")
    meaning: str
    reason: str | None = Field(default=None, description="Why there is no value")


class Input(BaseModel):
    """A data set from which the numbers were computed."""

    name: str
    year: str | None
    licence: str | None
    source: str | None
    citation: str | None


class EditionEntry(BaseModel):
    """An edition: its recipe, its inputs and its main figures."""

    id: str = Field(description="Hash of recipe, inputs, regions and code")
    region: str
    scenario: str
    recipe: dict[str, dict[str, Any]] = Field(description="Every choice; /recipe gives it as TOML")
    inputs: dict[str, str] = Field(description="SHA-256 of each input layer")
    summary: dict[str, Any] = Field(description="Figures of the whole, units in their names")
    licences: list[str]
    licence_notices: list[str] = Field(
        description="What they require of a combined work, in English"
    )
    link: str


class MethodEntry(BaseModel):
    """A method, or another number with a card, and its status in the edition."""

    id: str
    kind: str = Field(description="A method's kind; ranking, tables or errors for other cards")
    title: str
    status: str | None = Field(
        description="run, given, no data or skipped; null where the edition doesn't record it"
    )
    reason: str | None = Field(description="Why a method gave nothing, in English")
    gives: list[str] = Field(
        description="Output layers; where the method ran, those in this edition"
    )
    link: str
    card: str = Field(description="Link to the card as a page")


class MethodDetail(MethodEntry):
    """A method and its card."""

    markdown: str = Field(description="The card, in English")


class Caveat(BaseModel):
    """A caveat that applies to the numbers."""

    id: str
    text: str = Field(description="In the requested language")


class Summary(RegionEntry):
    """The numbers of one region: a row of the edition's table, without recomputation."""

    edition: str = Field(description="Id of the edition that the numbers come from")
    value_from: str = Field(description="covered, nearest or missing")
    note: str | None = None
    values: dict[str, Quantity]
    inputs: list[Input]
    caveats: list[Caveat]
    notes: list[str] = Field(description="What the analysis found in the data, in English")
