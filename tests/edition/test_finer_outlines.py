"""A finer outline takes the packaged one's place: in numbers, id, manifest and licences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

import hotspots as hs
from hotspots.analysis.zonal.coverage import cover_fractions
from hotspots.edition.analyze import identify
from hotspots.edition.inputs import clip
from hotspots.errors import BadInputError
from hotspots.geo.countries import finer_outlines, outlines
from hotspots.geo.finer_outlines import using
from hotspots.ingest import Store
from hotspots.ingest.store_outlines import chosen_outlines
from hotspots.io.atomic import write_text
from hotspots.layers.grid import cell_area, grid_of
from hotspots.registry.gazetteer.country_lookup import countries_at

Run = Callable[..., tuple[int, str, str]]


def frame(shape: shapely.Geometry, **columns: str) -> gpd.GeoDataFrame:
    """Return a file of Kenya, by default with a column as in many offices' files."""
    return gpd.GeoDataFrame(columns or {"ISO3": "KEN"}, geometry=[shape], index=[0], crs=4326)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Kenya without its north, north of 3 degrees: what a finer outline might take away."""
    kenya = outlines()["KEN"].difference(shapely.box(30, 3, 45, 10))
    path = tmp_path_factory.mktemp("outlines") / "kenya.gpkg"
    frame(kenya).to_file(path, driver="GPKG")
    return path


def tonnes(data: object) -> float:
    return float((data["soc_stock"] * data["valid_share"] * cell_area(data)).sum())  # type: ignore[index]


def test_the_country_has_the_stock_of_its_finer_outline(cut: Path) -> None:
    whole = tonnes(clip(hs.sample(), hs.region("KEN")))
    with using(finer_outlines([cut])):
        place = hs.region("KEN")
        assert place.geometry.bounds[3] <= 3 + 1e-9
        part = tonnes(clip(hs.sample(), place))
    assert 0.5 * whole < part < 0.98 * whole
    # Beyond the block the packaged outline holds again, and so does its number.
    assert tonnes(clip(hs.sample(), hs.region("KEN"))) == whole
    # By hand: the stock of each cell by the shares of the land that the outlines cover there.
    world = hs.sample()
    stock = (world["soc_stock"] * world["valid_share"] * cell_area(world)).fillna(0).values.ravel()
    shapes = dict(outlines()) | {"KEN": gpd.read_file(cut).geometry[0]}
    cover = cover_fractions(grid_of(world), shapes.values())
    own = cover[[list(shapes).index("KEN")]].toarray().ravel()
    land = np.asarray(cover.sum(axis=0)).ravel()
    share = np.divide(own, land, out=np.zeros_like(own), where=own > 0)
    assert part == pytest.approx(float((stock * share).sum()), rel=1e-4)


def test_other_countries_keep_theirs(cut: Path) -> None:
    before = {code: shape.wkb for code, shape in outlines().items()}
    with using(finer_outlines([cut])):
        after = {code: shape.wkb for code, shape in outlines().items()}
        coarse = outlines("50m")["KEN"]
    assert {code for code in before if before[code] != after[code]} == {"KEN"}
    assert list(before) == list(after)
    assert coarse.bounds[3] <= 3 + 1e-9


def test_a_record_s_place_is_asked_of_the_finer_outline(cut: Path) -> None:
    there = np.array([4.0]), np.array([36.0])
    assert list(countries_at(*there)) == ["KEN"]
    with using(finer_outlines([cut])):
        assert list(countries_at(*there)) == [""]
    assert list(countries_at(*there)) == ["KEN"]


def test_the_edition_says_which_outlines_it_has(
    cut: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("analyze", "--data", "sample", "--region", "KEN", "--out", "finer")
    code, out, err = run(*words, "--outlines", str(cut))
    assert code == 0, err
    assert "Note: Outlines of KEN are those of kenya.gpkg." in out
    finer = hs.open_edition("finer")
    assert identify(clip(hs.sample(), hs.region("KEN")), hs.Recipe()) != finer.id
    assert finer.manifest["outlines"]["countries"] == ["KEN"]
    assert [name for name, _ in finer.manifest["outlines"]["files"]] == ["kenya.gpkg"]
    licences = Path("finer/LICENCES.txt").read_text()
    assert "outlines of KEN\n  licence: not stated\n  citation: kenya.gpkg" in licences
    # The same by the setting, also of a process that never names the option.
    monkeypatch.setenv("HOTSPOTS_OUTLINES", str(cut))
    assert identify(clip(hs.sample(), hs.region("KEN")), hs.Recipe()) == finer.id


def test_a_drawn_region_s_edition_is_another_one_too(cut: Path) -> None:
    """Its cells are placed by outlines, though no country has a row of its own."""
    box = hs.region((34, -2, 38, 5))
    plain = identify(clip(hs.sample(), box), hs.Recipe(), frame(box.geometry, id="box"))
    with using(finer_outlines([cut])):
        finer = identify(clip(hs.sample(), box), hs.Recipe(), frame(box.geometry, id="box"))
    assert plain != finer


def test_outlines_of_a_store_hold_wherever_it_is_used(cut: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    path = tmp_path / "store/regions/geoboundaries-outline-KEN.geojson"
    path.parent.mkdir(parents=True)
    named = frame(gpd.read_file(cut).geometry[0], id="66282667", name="Kenya", country="KEN")
    path.write_text(named.to_json())
    stated = (
        '{"licence": "Open Data Commons Open Database License 1.0", "made_by": "Survey of Kenya"}'
    )
    write_text(path.with_name(f"{path.name}.json"), stated)
    found = chosen_outlines(None, str(tmp_path / "store"))
    assert found is not None
    assert found.sentence == (
        "Outlines of KEN are those of geoboundaries-outline-KEN.geojson (Survey of Kenya;"
        " Open Data Commons Open Database License 1.0)."
    )
    with using(found):
        edition = hs.analyze(clip(hs.sample(), hs.region("KEN")))
    assert any("Open Database" in licence for licence in edition.manifest["licences"])
    assert any("same licence" in notice for notice in edition.manifest["licence_notices"])
    assert store.names() == []
    assert chosen_outlines(None, "") is None


@pytest.mark.parametrize(
    ("shape", "columns", "said"),
    [
        (lambda s: s, {"office": "4711"}, "doesn't say which country it is. Give a column 'iso3'"),
        (lambda s: shapely.transform(s, lambda xy: xy[:, ::-1]), {}, "longitude and latitude are"),
        (lambda s: shapely.transform(s, lambda xy: np.add(xy, (20, 0))), {}, "it is another place"),
        (lambda s: s.buffer(-2), {}, "lie in the packaged outline of"),
    ],
)
def test_what_is_refused(
    shape: Callable[[shapely.Geometry], shapely.Geometry],
    columns: dict[str, str],
    said: str,
    tmp_path: Path,
    run: Run,
) -> None:
    path = tmp_path / "wrong.gpkg"
    frame(shape(outlines()["KEN"]), **columns).to_file(path, driver="GPKG")
    with pytest.raises(BadInputError, match=said):
        finer_outlines([path])
    words = ("analyze", "--data", "sample", "--region", "KEN", "--out", str(tmp_path / "out"))
    code, _, err = run(*words, "--outlines", str(path))
    assert code == 2
    assert said in err
    assert not (tmp_path / "out").exists()


def test_a_setting_that_names_no_file(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTSPOTS_OUTLINES", str(tmp_path / "none.gpkg"))
    words = ("analyze", "--data", "sample", "--region", "KEN", "--out", str(tmp_path / "out"))
    code, _, err = run(*words)
    assert code == 2
    assert "HOTSPOTS_OUTLINES is '" in err
    assert len([line for line in err.splitlines() if not line.startswith("…")]) == 1


def test_several_countries_by_names_and_parts(tmp_path: Path) -> None:
    kenya = outlines()["KEN"]
    west, south, east, north = kenya.bounds
    halves = [
        kenya.intersection(shapely.box(west, south, 38, north)),
        kenya.intersection(shapely.box(38, south, east, north)),
    ]
    path = tmp_path / "east.geojson"
    names = {"name": ["Kenya", "Kenya", "Ouganda"]}
    gpd.GeoDataFrame(names, geometry=[*halves, outlines()["UGA"]], crs=4326).to_file(
        path, driver="GeoJSON"
    )
    found = finer_outlines([path])
    assert set(found.shapes) == {"KEN", "UGA"}
    assert np.isclose(found.shapes["KEN"].area, kenya.area, rtol=1e-6)
