"""The panel, script and texts of the page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from branca.element import CssLink, Element, Figure, JavascriptLink

from hotspots.edition.caveats import CAVEATS
from hotspots.edition.scenario import scenario
from hotspots.io.templates import rendered
from hotspots.locale import code_label, counted, hectares, number, percent, text, tonnes
from hotspots.maps import number_rows, palettes
from hotspots.maps.embedding import Verbatim, data_block, inert
from hotspots.maps.theme_legends import Legend, is_region, provenance, variable_label, year_of
from hotspots.maps.themes import GROUPS
from hotspots.store.licences import is_own_mask

if TYPE_CHECKING:
    from hotspots.edition.edition import Edition
    from hotspots.maps.page_data import PageData, Patches, Records, ShortRow

UNITS_SHOWN = 10
# Names in `figure.ASSETS`; the figure replaces them by the files.
_LIBRARIES = {
    JavascriptLink: ("Control.Fullscreen.js", "markercluster"),
    CssLink: ("Control.FullScreen.css", "markerclustercss"),
}
# Messages that the script needs.
_WORDS = (
    "map.zoom_in",
    "map.zoom_out",
    "map.fullscreen",
    "map.fullscreen_exit",
    "map.panel_show",
    "map.panel_hide",
    "map.aria",
    "map.close",
    "record.recorded",
    "record.web",
    "notice.short",
    "notice.short_areas",
    "notice.no_record",
    "patch.heading",
    "format.colon",
)


class Page(Element):
    """Styles, panel, data and script of one map, all inserted verbatim.

    Styles and script are the same for all maps; only panel and data differ.

    Parameters
    ----------
    panel : str
        HTML of the panel, from `panel`.
    data : PageData
        Input of `map.js`.
    """

    def __init__(self, panel: str, data: PageData) -> None:
        super().__init__()
        self._name = "HotspotsPage"
        self.html = f"{inert(panel)}\n{data_block(data)}"
        self._bounds = data["bounds"]

    def render(self, **kwargs: object) -> str:
        """Add the parts to the figure's sections."""
        figure = self.get_root()
        assert isinstance(figure, Figure)
        assert self._parent is not None
        for link in (JavascriptLink, CssLink):
            for name in _LIBRARIES[link]:
                figure.header.add_child(link(name), name=name)
        name = self.get_name()
        figure.header.add_child(Verbatim(f"<style>\n{_style()}\n</style>"), name=name)
        figure.html.add_child(Verbatim(self.html), name=name)
        script = f"{_asset('map.js')}\nhotspotsMap({self._parent.get_name()});"
        figure.script.add_child(Verbatim(script), name=name)
        return ""

    def _get_self_bounds(self) -> list[list[float | None]]:
        """Return [[south, west], [north, east]], for `folium.Map.get_bounds`."""
        return [list(corner) for corner in self._bounds]


def words(lang: str) -> dict[str, str]:
    """Return the messages that the script shows, by key."""
    return {key: text(key, lang) for key in _WORDS} | {
        # The count is filled in by the script.
        key: text(key, lang, count="#")
        for key in ("record.cluster", "record.in_view")
    }


def panel(
    edition: Edition,
    legends: Sequence[Legend],
    data: PageData,
    period: str,
    lang: str,
    cards: str = "",
) -> str:
    """Return the panel's HTML; the template escapes every value from data.

    Parameters
    ----------
    edition : Edition
    legends : sequence of Legend
        Of the themes, in their order.
    data : PageData
        What the page's script draws: the panel counts it, and lists its countries.
    period : str
        Years of the modelled change, "" if unknown.
    lang : str
        "en", "fr" or "es".
    cards : str
        Base address of the method cards, "" if there is none.
    """
    names = {key: row["name"] for key, row in data["countries"]["rows"].items()}
    shapes = data["countries"]["shapes"]
    return rendered(
        "hotspots.maps",
        "panel.html.j2",
        t=partial(text, lang=lang),
        title=title(edition, lang),
        how=how_to_read(edition, lang),
        groups=[(g, [x for x in legends if x.group == g]) for g in GROUPS],
        legends=legends,
        # By name in the reader's language, with É beside E.
        country_names=sorted(names.items(), key=lambda kv: _sort_key(kv[1])),
        patches_label=_patches_label(data["patches"], lang),
        # Countries too small for an outline are drawn as points.
        has_rings=any(shape["geometry"]["type"] == "Point" for shape in shapes),
        record_counts=None if data["records"] is None else _record_counts(data["records"], lang),
        whole=whole_rows(edition, period, lang),
        units=unit_rows(edition, lang),
        units_note=text(
            "map.units_note",
            lang,
            count=min(UNITS_SHOWN, len(edition.units)),
            total=number(len(edition.units), lang),
        ),
        notices=notices(edition, data["records"] is not None, lang),
        sources=sources(edition, lang),
        edition_id=edition.id,
        cards=cards,
    )


def title(edition: Edition, lang: str) -> str:
    """Return the page's title, with the edition's region unless it is the world."""
    if not is_region(edition):
        return text("map.title", lang)
    region = str(edition.manifest["region"])
    table = edition.table
    name = str(table.loc[region, f"name_{lang}"]) if region in table.index else _box(region, lang)
    return text("map.title_region", lang, region=name)


def _box(region: str, lang: str) -> str:
    """Return "6°W–40°E, 42°N–60°N" for "-6,42,40,60"; other names unchanged."""
    try:
        west, south, east, north = (float(part) for part in region.split(","))
    except ValueError:
        return region

    def at(degrees: float, signs: str) -> str:
        side = text(f"map.{signs.split()[degrees < 0]}", lang) if degrees else ""
        return f"{number(abs(degrees), lang)}°{side}"

    ends = [at(west, "east west"), at(east, "east west")]
    return f"{'–'.join(ends)}, {at(south, 'north south')}–{at(north, 'north south')}"


def how_to_read(edition: Edition, lang: str) -> str:
    """Return the text on how to read the map, with the recipe's thresholds."""
    hot = edition.recipe.hotspots
    return text(
        "map.how",
        lang,
        top_share=percent(hot.top_share, lang),
        gain=number(hot.gain_threshold, lang),
        loss=number(hot.loss_threshold, lang),
        patch=number(hot.min_patch_area_km2, lang),
        cells=number(hot.min_patch_cells, lang),
    )


def notices(edition: Edition, has_registry: bool, lang: str) -> list[str]:
    """Return the caveats and licence notices shown on the map."""
    first = [scenario(edition.recipe, lang)] if "potential_ipcc_tier1" in edition.rasters else []
    keys = [f"caveat.{key}" for key in CAVEATS if key in edition.manifest["caveats"]]
    keys += ["notice.mercator", "notice.boundaries"] + ["notice.no_record"] * has_registry
    licences = list(edition.manifest.get("licence_notices", []))  # in English, as licences are
    return first + [text(key, lang) for key in keys] + licences


class SourceRow(NamedTuple):
    """A source: labels of its layers, years of its data, citation and licence."""

    labels: str
    years: str
    citation: str
    licence: str


def sources(edition: Edition, lang: str) -> list[SourceRow]:
    """Return the sources; layers of one source share a row."""
    grouped: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name in edition.manifest.get("inputs", {}):
        if is_own_mask(name):
            continue
        row = provenance(name, edition)
        stated = (row.get("citation") or row.get("source"), row.get("licence"))
        key = (_stated(stated[0], "source", lang), _stated(stated[1], "licence", lang))
        grouped.setdefault(key, []).append((variable_label(name, lang), year_of(row)))
    rows = []
    for (citation, licence), layers in grouped.items():
        labels = ", ".join(dict.fromkeys(label for label, _ in layers))
        years = ", ".join(sorted({year for _, year in layers if year}))
        rows.append(SourceRow(labels, years, citation, licence))
    outlines = "Natural Earth, world-atlas 2.0.2"
    shapes = SourceRow(text("variable.countries", lang), "", outlines, "public domain; ISC")
    return [*rows, shapes]


def _stated(value: object, what: str, lang: str) -> str:
    """Return a source or licence; in the reader's language that none is stated."""
    unknown = value in (None, "", "not stated")
    return text(f"map.{what}_not_stated", lang) if unknown else str(value)


def whole_rows(edition: Edition, period: str, lang: str) -> list[number_rows.Row]:
    """Return the numbers of the whole area."""
    table = edition.table
    rows = number_rows.by_id(table[table["set"] == "total"])
    uses = number_rows.stocks_by_use(edition.land_use)
    wording = number_rows.Wording(edition.recipe, lang, period, edition.stock_depth)
    return [
        shown
        for key, row in rows.items()
        for shown in number_rows.region_rows(row, wording, uses=uses.get(key))
    ]


class UnitRow(NamedTuple):
    """A country × climate zone unit: names, potential per year, and land in hot classes."""

    country: str
    zone: str
    potential: str
    hot: str


def unit_rows(edition: Edition, lang: str) -> list[UnitRow]:
    """Return the first units."""
    rows = []
    for row in edition.units.head(UNITS_SHOWN).to_dict(orient="records"):
        hot = sum(float(row.get(f"{c}_ha", 0)) for c in ("protect", "restore", "build"))
        rows.append(
            UnitRow(
                str(row.get(f"name_{lang}", row["country"])),
                code_label("zone", row["climate_zone"], lang),
                tonnes(float(row["potential_t_yr"]), lang),
                hectares(hot, lang),
            )
        )
    return rows


def _patches_label(patches: Patches[ShortRow], lang: str) -> str:
    """Return the label of the hot patches, with their numbers if not all are shown; "" for none."""
    shown, total = len(patches["shapes"]), patches["total"]
    if not shown:
        return ""
    if shown == total:
        return text("overlay.patches", lang)
    return text("overlay.patches_some", lang, shown=number(shown, lang), total=number(total, lang))


def _record_counts(records: Records[ShortRow], lang: str) -> list[str]:
    """Return the texts on the numbers of records with and without a position."""
    placed, unplaced = len(records["points"]), records["unplaced"]
    texts = [counted("record.count", placed, lang)]
    return texts + [counted("record.unplaced", unplaced, lang)] * (unplaced > 0)


def _sort_key(name: str) -> str:
    """Return a sort key that ignores case and accents."""
    import unicodedata

    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()


@cache
def _asset(name: str) -> str:
    return files("hotspots.maps").joinpath("assets", name).read_text(encoding="utf-8")


def _style() -> str:
    style = _asset("map.css")
    for word in ("SEA", "LAND", "BORDER", "RECORD"):
        style = style.replace(f"var(--{word.lower()})", getattr(palettes, word))
    return style
