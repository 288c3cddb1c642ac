"""What the page's script draws: the input of `map.js`, whose keys are those written here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeAlias, TypedDict, TypeVar

from hotspots.maps.number_rows import Row

R = TypeVar("R")
P = TypeVar("P")
# (position of the label among all labels, value): labels recur, and would double the page.
ShortRow: TypeAlias = tuple[int, str]
# (label, depth) -> position.
Labels: TypeAlias = dict[tuple[str, int], int]


class Geometry(TypedDict):
    """GeoJSON of a point or of polygons, degrees."""

    type: str
    coordinates: list[float] | list[list[list[list[float]]]]


class Feature(TypedDict, Generic[P]):
    """A GeoJSON feature."""

    type: str
    properties: P
    geometry: Geometry


class CountryId(TypedDict):
    """Properties of a country's shape."""

    id: str


class CountryText(TypedDict, Generic[R]):
    """Popup of a country."""

    name: str
    rows: list[R]
    notes: list[str]


class Countries(TypedDict, Generic[R]):
    """Shapes in view, points for countries too small for an outline; and the popups by id."""

    shapes: list[Feature[CountryId]]
    rows: dict[str, CountryText[R]]


class PatchText(TypedDict, Generic[R]):
    """Tooltip and colour of a hot patch."""

    title: str
    rows: list[R]
    colour: str


class Patches(TypedDict, Generic[R]):
    """The patches shown, and the number of all."""

    shapes: list[Feature[PatchText[R]]]
    total: int


class RecordText(TypedDict, Generic[R]):
    """A record at [latitude, longitude] in degrees; `web` is an address, if it may be a link."""

    at: list[float]
    name: str
    rows: list[R]
    web: str | None


class Records(TypedDict, Generic[R]):
    """The records shown, and the number of those without a position."""

    points: list[RecordText[R]]
    unplaced: int


class RasterRow(TypedDict):
    """A theme's image: its data URI, [[south, west], [north, east]] in degrees, and its title."""

    url: str
    bounds: list[list[float]]
    alt: str


class PageData(TypedDict):
    """What the page's script draws: the input of `map.js`.

    `labels` are the distinct (label, depth) of all rows; rows name them by position. `bounds` is
    [[south, west], [north, east]] in degrees. `records` is None without a registry.
    """

    bounds: list[list[float]]
    countries: Countries[ShortRow]
    patches: Patches[ShortRow]
    records: Records[ShortRow] | None
    labels: list[tuple[str, int]]
    words: dict[str, str]
    rasters: dict[str, RasterRow]


def labels_of(
    countries: Countries[Row], patches: Patches[Row], records: Records[Row] | None
) -> Labels:
    """Return the distinct labels of all tables of a page, with the position of each."""
    tables = [
        *(country["rows"] for country in countries["rows"].values()),
        *(shape["properties"]["rows"] for shape in patches["shapes"]),
        *(record["rows"] for record in (records["points"] if records else ())),
    ]
    # A dict rather than a set: the order, and so the page, is the same each time.
    found = dict.fromkeys((label, depth) for rows in tables for label, _, depth in rows)
    return {label: position for position, label in enumerate(found)}


def _short(rows: Iterable[Row], labels: Labels) -> list[ShortRow]:
    return [(labels[label, depth], value) for label, value, depth in rows]


def short_countries(countries: Countries[Row], labels: Labels) -> Countries[ShortRow]:
    """Return countries with labels by position."""
    rows: dict[str, CountryText[ShortRow]] = {
        key: {"name": row["name"], "rows": _short(row["rows"], labels), "notes": row["notes"]}
        for key, row in countries["rows"].items()
    }
    return {"shapes": countries["shapes"], "rows": rows}


def short_patches(patches: Patches[Row], labels: Labels) -> Patches[ShortRow]:
    """Return patches with labels by position."""
    shapes: list[Feature[PatchText[ShortRow]]] = [
        {
            "type": shape["type"],
            "properties": {
                "title": shape["properties"]["title"],
                "rows": _short(shape["properties"]["rows"], labels),
                "colour": shape["properties"]["colour"],
            },
            "geometry": shape["geometry"],
        }
        for shape in patches["shapes"]
    ]
    return {"shapes": shapes, "total": patches["total"]}


def short_records(records: Records[Row], labels: Labels) -> Records[ShortRow]:
    """Return records with labels by position."""
    points: list[RecordText[ShortRow]] = [
        {
            "at": record["at"],
            "name": record["name"],
            "rows": _short(record["rows"], labels),
            "web": record["web"],
        }
        for record in records["points"]
    ]
    return {"points": points, "unplaced": records["unplaced"]}
