"""`explore`: an edition, and the registry beside it, as one Folium map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotspots.layers.grid import grid_of
from hotspots.locale import check_language, text

if TYPE_CHECKING:
    import folium

    from hotspots.edition.edition import Edition
    from hotspots.maps.classes import Classes
    from hotspots.maps.rasters import Image
    from hotspots.maps.themes import Theme


WORLD_WIDTH_DEG, WORLD_SOUTH_DEG, WORLD_NORTH_DEG = 300.0, -56.0, 77.0


def explore(
    edition: Edition, registry: Any = None, lang: str = "en", *, cards: str = ""
) -> folium.Map:
    """Return an interactive map of an edition.

    Parameters
    ----------
    edition : Edition
        From `hotspots.analyze` or `hotspots.open_edition`; its rasters may lie on any grid with a
        CRS and are drawn in Web Mercator.
    registry : Registry, optional
        Anything with ``records``: a GeoDataFrame of points, EPSG:4326. Records are shown as
        "recorded here"; a place without one says nothing about who is there.
    lang : str
        "en", "fr" or "es".
    cards : str
        Address below which the method cards are ("/methods/" in the web service): each legend
        then links to its card. A page opened from disk has no such place, and names the command.

    Returns
    -------
    folium.Map
        ``map.save("map.html")`` writes one page of some 1 to 2 MB that opens from disk: scripts,
        styles, images and numbers are in it and its own policy forbids it the network. In a
        notebook it draws itself the same way.

    Raises
    ------
    BadInputError
        A language that isn't supported.
    MissingAssetError
        Scripts or outlines were not built into this installation.

    Notes
    -----
    Web Mercator enlarges areas towards the poles, and the page says so: every number on it comes
    from the edition's tables, which are area-true. Layers that lie beyond 85 degrees are cut.
    """
    from hotspots.maps import panel as page
    from hotspots.maps.figure import StandaloneFigure
    from hotspots.maps.theme_legends import legend_of

    check_language(lang)
    drawn = _cut_themes(edition, lang)
    bounds = _view(edition, [image for _, _, image in drawn])
    period = change_period(edition)
    world_map = _empty_map()
    data = _page_data(edition, registry, bounds, period, lang)
    data["rasters"] = {t.key: _raster(t, c, i, lang) for t, c, i in drawn if i is not None}
    legends = [legend_of(theme, classes, edition, lang) for theme, classes, _ in drawn]
    panel = page.panel(
        edition,
        legends,
        {key: row["name"] for key, row in data["countries"]["rows"].items()},
        (len(data["patches"]["shapes"]), data["patches"]["total"]),
        None if registry is None else (len(data["records"]["points"]), data["records"]["unplaced"]),
        any(f["geometry"]["type"] == "Point" for f in data["countries"]["shapes"]),
        period,
        lang,
        cards,
    )
    world_map.add_child(page.Page(panel, data))
    figure = StandaloneFigure(title=page.title(edition, lang), lang=lang)
    figure.add_child(world_map)
    return world_map


def change_period(edition: Edition) -> str:
    """Return the years of the modelled change, as "1990–2010", or "" if unknown."""
    from hotspots.maps.theme_legends import year_of

    inputs, change = edition.manifest.get("inputs", {}), edition.recipe.change
    years = [year_of(inputs.get(name, {})) for name in (change.start, change.end)]
    return "–".join(years) if all(years) else ""


def _empty_map() -> folium.Map:
    import folium

    made = folium.Map(
        location=[20, 10],
        tiles=None,
        zoom_start=2,
        zoom_control=False,  # the page's script adds it, in the reader's language
        control_scale=False,
        zoom_snap=0.25,
        zoom_delta=0.5,
        wheel_px_per_zoom_level=120,
        world_copy_jump=False,
    )
    # Its name in the page's script, else random: the same input gives the same page.
    made._id = "hotspots"
    return made


def _cut_themes(edition: Edition, lang: str) -> list[tuple[Theme, Classes, Image | None]]:
    import numpy as np

    from hotspots.maps.rasters import first_longitude, to_mercator
    from hotspots.maps.themes import themes_of

    grid = grid_of(edition.rasters)
    themes = themes_of(edition)
    cut = [theme.cut(edition, edition.rasters[theme.key], lang) for theme in themes]
    used = np.zeros(grid.shape, bool)
    for classes in cut:
        used |= classes.codes > 0
    start = first_longitude(used, grid)
    return [
        (theme, classes, to_mercator(classes.codes, grid, start))
        for theme, classes in zip(themes, cut, strict=True)
    ]


def _raster(theme: Theme, classes: Classes, image: Image, lang: str) -> dict[str, Any]:
    from hotspots.maps.rasters import data_uri

    return {
        "url": data_uri(image.codes, classes.colours),
        "bounds": image.bounds,
        "alt": text(f"theme.{theme.key}.title", lang),
    }


def _view(edition: Edition, images: list[Image | None]) -> tuple[float, float, float, float]:
    """Return (west, south, east, north) of what is drawn, else of the grid, degrees.

    A view of the whole world starts without the polar seas and ice, where nothing is ranked and
    the projection swells; they are a scroll away.
    """
    from hotspots.maps.rasters import lonlat_bounds

    seen = [i for i in images if i is not None]
    if not seen:
        return lonlat_bounds(grid_of(edition.rasters))
    west, east = min(i.west for i in seen), max(i.east for i in seen)
    south, north = min(i.south for i in seen), max(i.north for i in seen)
    if east - west > WORLD_WIDTH_DEG:
        south, north = max(south, WORLD_SOUTH_DEG), min(north, WORLD_NORTH_DEG)
    return west, south, east, north


def _page_data(
    edition: Edition,
    registry: Any,
    bounds: tuple[float, float, float, float],
    period: str,
    lang: str,
) -> dict[str, Any]:
    from hotspots.maps import features
    from hotspots.maps import panel as page

    countries = features.countries(edition, bounds, period, lang)
    names = {key: row["name"] for key, row in countries["rows"].items()}
    patches = features.patches(edition, names, bounds, period, lang)
    records = None if registry is None else features.records(registry, names, bounds, lang)
    labels = features.Labels()
    for told in (
        *countries["rows"].values(),
        *(shape["properties"] for shape in patches["shapes"]),
        *([] if records is None else records["points"]),
    ):
        told["rows"] = labels.shorten(told["rows"])
    west, south, east, north = bounds
    return {
        "bounds": [[south, west], [north, east]],
        "countries": countries,
        "patches": patches,
        "records": records,
        "labels": labels.told,
        "words": page.words(lang),
    }
