"""`explore`: an interactive Folium map of an edition, with the records of a registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hotspots.layers.grid import grid_of
from hotspots.locale import check_language, text

if TYPE_CHECKING:
    import folium

    from hotspots.edition.edition import Edition
    from hotspots.maps.classes import Classes
    from hotspots.maps.features import Bounds
    from hotspots.maps.page_data import PageData, RasterRow
    from hotspots.maps.rasters import Image
    from hotspots.maps.themes import Theme
    from hotspots.registry.completeness import HasRecords


WORLD_WIDTH_DEG, WORLD_SOUTH_DEG, WORLD_NORTH_DEG = 300.0, -56.0, 77.0


def explore(
    edition: Edition, registry: HasRecords | None = None, lang: str = "en", *, cards: str = ""
) -> folium.Map:
    """Return an interactive map of an edition.

    Parameters
    ----------
    edition : Edition
        From `hotspots.analyze` or `hotspots.open_edition`; its rasters may lie on any grid with a
        CRS and are drawn in Web Mercator.
    registry : Registry, optional
        Any object with ``records``, a GeoDataFrame in EPSG:4326. Records are shown as "recorded
        here"; absence of a record is not evidence of absence.
    lang : str
        "en", "fr" or "es".
    cards : str
        Base address of the method cards ("/methods/" in the web service), to which legends link.
        Without one, as for a page opened from disk, legends name the command that shows them.

    Returns
    -------
    folium.Map
        ``map.save("map.html")`` writes one page of about 1 to 2 MB that opens from disk: it
        contains all scripts, styles, images and numbers, and its content security policy forbids
        network access. Notebooks show the same page.

    Raises
    ------
    BadInputError
        The language isn't supported.
    MissingAssetError
        The installation lacks scripts or outlines.

    Notes
    -----
    Web Mercator enlarges areas towards the poles, as the page states. The numbers on it are from
    the edition's tables, which use true areas. Layers are cut at 85 degrees north and south.

    The texts of edition and registry are shown as they are. A layer of your own that you add to
    the map (``folium.Marker(popup=…).add_to(map)``) isn't: folium renders its texts as HTML, and
    as a template, which can run code. Escape texts from data before: ``html.escape``, and then
    ``{`` as ``&#123;``.
    """
    from hotspots.maps import panel as page
    from hotspots.maps.figure import StandaloneFigure
    from hotspots.maps.theme_legends import legend_of

    check_language(lang)
    drawn = _cut_themes(edition, lang)
    bounds = _view(edition, [d.image for d in drawn if d.image is not None])
    period = change_period(edition)
    world_map = _empty_map()
    rasters = {d.theme.key: _raster(d, d.image, lang) for d in drawn if d.image is not None}
    data = _page_data(edition, registry, bounds, period, lang, rasters)
    legends = [legend_of(d.theme, d.classes, edition, lang) for d in drawn]
    panel = page.panel(edition, legends, data, period, lang, cards)
    world_map.add_child(page.Page(panel, data))
    figure = StandaloneFigure(title=page.title(edition, lang), lang=lang)
    figure.add_child(world_map)
    return world_map


def change_period(edition: Edition) -> str:
    """Return the period of the modelled change, such as "1990–2010", or "" if unknown."""
    from hotspots.maps.theme_legends import year_of

    inputs, change = edition.manifest.get("inputs", {}), edition.recipe.change
    years = [year_of(inputs.get(name, {})) for name in (change.start, change.end)]
    return "–".join(years) if all(years) else ""


def _empty_map() -> folium.Map:
    import folium

    made = folium.Map(
        location=[20, 10],
        # Map tiles would need the network; land and borders are drawn from the page's own data.
        tiles=None,
        zoom_start=2,
        zoom_control=False,  # the page's script adds it, in the reader's language
        control_scale=False,
        zoom_snap=0.25,
        zoom_delta=0.5,
        wheel_px_per_zoom_level=120,
        world_copy_jump=False,
    )
    # Name of the map in the page's script; fixed, so that the same input gives the same page.
    made._id = "hotspots"
    return made


@dataclass(frozen=True)
class _DrawnTheme:
    """A theme with its layer in classes, and their image; None where no cell has a class."""

    theme: Theme
    classes: Classes
    image: Image | None


def _cut_themes(edition: Edition, lang: str) -> list[_DrawnTheme]:
    import numpy as np

    from hotspots.maps.rasters import first_longitude, to_mercator
    from hotspots.maps.themes import themes_of

    grid = grid_of(edition.rasters)
    themes = themes_of(edition)
    cut = [theme.cut(edition, edition.rasters[theme.key], lang) for theme in themes]
    used = np.zeros(grid.shape, bool)
    for classes in cut:
        used |= classes.codes > 0
    # One edge for all themes, so that their images lie over each other.
    start = first_longitude(used, grid)
    return [
        _DrawnTheme(theme, classes, to_mercator(classes.codes, grid, start))
        for theme, classes in zip(themes, cut, strict=True)
    ]


def _raster(drawn: _DrawnTheme, image: Image, lang: str) -> RasterRow:
    from hotspots.io.png import data_uri
    from hotspots.maps.rasters import png

    return {
        "url": data_uri(png(image.codes, drawn.classes.colours)),
        "bounds": image.bounds,
        "alt": text(f"theme.{drawn.theme.key}.title", lang),
    }


def _view(edition: Edition, seen: list[Image]) -> Bounds:
    """Return (west, south, east, north), degrees, of the images, or else of the grid.

    A view of the whole world starts without the polar regions, where nothing is ranked and the
    projection enlarges areas; readers can scroll to them.
    """
    from hotspots.maps.rasters import map_bounds

    if not seen:
        return map_bounds(grid_of(edition.rasters))
    west, east = min(i.west for i in seen), max(i.east for i in seen)
    south, north = min(i.south for i in seen), max(i.north for i in seen)
    if east - west > WORLD_WIDTH_DEG:
        south, north = max(south, WORLD_SOUTH_DEG), min(north, WORLD_NORTH_DEG)
    return west, south, east, north


def _page_data(
    edition: Edition,
    registry: HasRecords | None,
    bounds: Bounds,
    period: str,
    lang: str,
    rasters: dict[str, RasterRow],
) -> PageData:
    from hotspots.maps import features, page_data
    from hotspots.maps import panel as page

    countries = features.countries(edition, bounds, period, lang)
    names = {key: row["name"] for key, row in countries["rows"].items()}
    patches = features.patches(edition, names, bounds, period, lang)
    records = None if registry is None else features.records(registry, names, bounds, lang)
    labels = page_data.labels_of(countries, patches, records)
    west, south, east, north = bounds
    return {
        "bounds": [[south, west], [north, east]],
        "countries": page_data.short_countries(countries, labels),
        "patches": page_data.short_patches(patches, labels),
        "records": None if records is None else page_data.short_records(records, labels),
        "labels": list(labels),
        "words": page.words(lang),
        "rasters": rasters,
    }
