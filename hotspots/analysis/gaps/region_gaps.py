"""Gaps of countries and larger regions: their records, and pillars without recent research."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hotspots.analysis.gaps.hotspot_gaps import known
from hotspots.analysis.gaps.membership import SITS, region_pairs, wider_pairs
from hotspots.analysis.gaps.records_table import (
    SEPARATOR,
    WORLD,
    RecordFilter,
    codes_of,
    ended,
    last_day,
    select,
    tidy,
)

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

PILLARS = ("pillar1", "pillar2", "pillar3", "pillar4")
RESEARCH = ("research_action", "project")
_STATES = ("none", "undated", "old", "current")
_LARGER = "initiative"  # the set of regions that comes first
_YEAR_DAYS = 365.2425


@dataclass(frozen=True)
class RegionFacts:
    """What is known of regions besides their records, and which of their totals are at stake.

    Attributes
    ----------
    members : mapping of str to sequence of str
        Countries of each region of the initiative, for records that name such a region.
    outlines : GeoDataFrame, optional
        id and polygons of the regions (EPSG:4326), for records placed by coordinates or footprint
        alone.
    completeness : DataFrame, optional
        Column ``code`` by country id, from `hotspots.registry.completeness`.
    potential, loss : str
        Columns of the table of regions, t yr-1; one that it lacks is not known.
    """

    members: Mapping[str, Sequence[str]] = field(default_factory=dict)
    outlines: gpd.GeoDataFrame | None = None
    completeness: pd.DataFrame | None = None
    potential: str = "potential_ipcc_tier1_total"
    loss: str = "modelled_gross_loss_total"


@dataclass(frozen=True)
class ResearchFilter:
    """Which actions count as recent research.

    Attributes
    ----------
    years : float
        An action is old if its end or, without an end, its start is more than this long ago.
    types : tuple of str
        Types of records that are research actions; projects count by default too.
    pillars : tuple of str
        Codes of themes.
    """

    years: float = 5
    types: tuple[str, ...] = RESEARCH
    pillars: tuple[str, ...] = PILLARS


def region_gaps(
    table: pd.DataFrame,
    records: gpd.GeoDataFrame | pd.DataFrame,
    *,
    facts: RegionFacts = RegionFacts(),
    choice: RecordFilter | None = None,
    today: date | None = None,
) -> pd.DataFrame:
    """Return regions ranked by the tonnes at stake and the scarcity of records.

    Parameters
    ----------
    table : DataFrame
        An edition's regions by id, with ``set``, ``name_en`` and totals, t yr-1. Rows of the whole
        and of what lies outside all regions are left out.
    records : GeoDataFrame
        Records of a registry; id is required.
    facts : RegionFacts
        What is known of the regions.
    choice : RecordFilter, optional
        Which records count; all that have not ended by default.
    today : date, optional
        Reference date for what has ended; the current date by default.

    Returns
    -------
    DataFrame
        One row per region; columns in `COLUMNS`: the initiative's regions, then the others; in each
        set those without a record first, by tonnes.

    Notes
    -----
    A record counts in the country of its seat, in the countries that it declares or that its
    footprint covers, and in the regions of those countries. One that names a larger region counts
    there, and in each country of it as ``declared_wider`` only; world-wide records are in neither.
    """
    rows = table[~table["set"].isin(["total", "outside"])] if "set" in table else table
    counted = select(tidy(records), choice or RecordFilter(), today or date.today())
    pairs = region_pairs(counted, facts.members, facts.outlines)
    found = rows.reindex(columns=["set", "name_en"]).rename_axis("id").reset_index()
    # Columns that the table lacks become NaN: not known.
    stakes = rows.reindex(columns=[facts.potential, facts.loss]).astype("float64")
    found["potential_t_yr"], found["gross_loss_t_yr"] = stakes.to_numpy().T
    # The loss is that of all land, including deserts, where no action is needed.
    found["at_stake_t_yr"] = found["potential_t_yr"].fillna(found["gross_loss_t_yr"])
    wider = wider_pairs(counted, pairs, facts.members)
    sitting = pairs["how"] == SITS
    counts = {
        "records": pairs,
        "records_sitting": pairs[sitting],
        "records_working": pairs[~sitting],
        "declared_wider": wider,
    }
    counts |= {pillar: _of_theme(pairs, counted, pillar) for pillar in PILLARS}
    for name, who in counts.items():
        sizes = who.groupby("region")["record"].nunique()
        found[name] = found["id"].map(sizes).fillna(0).astype("int64")
    found["missing_pillars"] = _missing(found[list(PILLARS)])
    found["score_t_yr"] = found["at_stake_t_yr"] / (1 + found["records"])
    countries = [SEPARATOR.join(facts.members.get(code, (code,))) for code in found["id"]]
    found = found.assign(**known(found.assign(c=countries)["c"], facts.completeness))
    some = (found["records"] > 0).to_numpy()
    stake = -found["score_t_yr"].fillna(-np.inf)
    return _ranked(found, np.lexsort((found["id"], stake, some, found["set"] != _LARGER)))


def research_gaps(
    table: pd.DataFrame,
    records: gpd.GeoDataFrame | pd.DataFrame,
    *,
    research: ResearchFilter = ResearchFilter(),
    facts: RegionFacts = RegionFacts(),
    today: date | None = None,
) -> pd.DataFrame:
    """Return pillar x region with no research action, or old ones only.

    Parameters
    ----------
    table : DataFrame
        An edition's regions by id, with ``set``, ``name_en`` and totals, t yr-1.
    records : GeoDataFrame
        Records of a registry; id is required.
    research : ResearchFilter
        Which actions count as research, and until when as recent.
    facts : RegionFacts
        What is known of the regions.
    today : date, optional
        Reference date for the age of actions; the current date by default.

    Returns
    -------
    DataFrame
        One row per region and pillar, "current" ones too; columns in `COLUMNS`: the initiative's
        regions, then the others; in each set none first, then undated, old, current; each by
        tonnes at stake.
    """
    import pandas as pd

    day, whole = today or date.today(), tidy(records)
    actions = select(whole, RecordFilter(types=research.types, active_only=False), day)
    pairs = region_pairs(actions, facts.members, facts.outlines)
    regions = region_gaps(table, whole, facts=facts, today=day)
    keep = [
        "id",
        "name_en",
        "set",
        "at_stake_t_yr",
        "completeness",
        "completeness_by_country",
        "note",
    ]
    grid = regions[keep].rename(columns={"id": "region"})
    grid = grid.merge(pd.DataFrame({"pillar": list(research.pillars)}), how="cross")
    grid = grid.merge(_dated(actions, pairs, day), how="left", on=["region", "pillar"])
    everywhere = _worldwide(actions)
    grid["actions_worldwide"] = grid["pillar"].map(everywhere).fillna(0).astype("int64")
    for name in ("actions", "running"):
        grid[name] = grid[name].fillna(0).astype("int64")
    for name in ("newest", "newest_id"):
        grid[name] = grid[name].fillna("")
    grid["state"] = _states(grid, research.years)
    stake = grid["at_stake_t_yr"].fillna(-np.inf)
    state = grid["state"].map(_STATES.index)
    order = (grid["pillar"], grid["region"], -stake, state, grid["set"] != _LARGER)
    return _ranked(grid, np.lexsort(order))


def _ranked(table: pd.DataFrame, order: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return a table in order, ranked within each set of regions."""
    table = table.iloc[order].reset_index(drop=True)
    table.insert(0, "rank", table.groupby("set", dropna=False).cumcount() + 1)
    return table


def _of_theme(pairs: pd.DataFrame, records: pd.DataFrame, theme: str) -> pd.DataFrame:
    codes = codes_of(records, "theme")
    return pairs[pairs["record"].isin(codes.loc[codes["code"] == theme, "record"])]


def _missing(counts: pd.DataFrame) -> list[str]:
    return [
        SEPARATOR.join(p for p, n in zip(counts.columns, row, strict=True) if n == 0)
        for row in counts.itertuples(index=False)
    ]


def _dated(actions: pd.DataFrame, pairs: pd.DataFrame, today: date) -> pd.DataFrame:
    """Return, by region and pillar, how many actions there are and the newest of them."""
    stated = actions["end"].where(actions["end"] != "", actions["start"])
    days = [last_day(text) for text in stated]
    running = ~ended(actions, today) & np.array([d is not None for d in days], dtype=bool)
    # An action without an end counts as current, unless its start is too long ago: its end may
    # not have been recorded.
    since = [np.nan if d is None else max((today - d).days, 0) / _YEAR_DAYS for d in days]
    facts = actions[["id"]].assign(newest=stated, years_since=since, running=running)
    facts = facts.rename(columns={"id": "newest_id"})
    rows = pairs[["record", "region"]].drop_duplicates()
    rows = rows.merge(codes_of(actions, "theme").rename(columns={"code": "pillar"}), on="record")
    rows = rows.join(facts, on="record").sort_values(["years_since", "newest_id"])
    groups = rows.groupby(["region", "pillar"])
    # nth, since first() would take each column's first value that isn't missing, of any row.
    first = groups[["newest", "newest_id", "years_since"]].nth(0)
    first = first.join(rows[["region", "pillar"]]).set_index(["region", "pillar"])
    counts = groups.agg(actions=("record", "nunique"), running=("running", "sum"))
    return counts.join(first).reset_index()


def _worldwide(actions: pd.DataFrame) -> pd.Series:
    places, themes = codes_of(actions, "regions"), codes_of(actions, "theme")
    world = places.loc[places["code"] == WORLD, "record"]
    return themes[themes["record"].isin(world)].groupby("code")["record"].nunique()


def _states(grid: pd.DataFrame, years: float) -> list[str]:
    states = np.select(
        [grid["actions"] == 0, grid["years_since"].isna(), grid["years_since"] > years],
        _STATES[:3],
        default=_STATES[3],
    )
    return [str(state) for state in states]
