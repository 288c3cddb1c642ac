"""The numbers of countries, the whole area and hot patches, as rows of labels and values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from hotspots.layers.variables import EXCLUSION_REASONS
from hotspots.locale import code_label, hectares, number, percent, text, tonnes

if TYPE_CHECKING:
    import pandas as pd

    from hotspots.edition.recipe import Recipe

# Column -> value of a row of an edition's table.
TableRow: TypeAlias = Mapping[str, object]
# (label, value, depth); rows of depth 1 are indented.
Row = tuple[str, str, int]

FOUR_PER_MILLE = 0.004  # per year
_CHANGE_TOTALS = ("modelled_gross_loss_total", "modelled_gross_gain_total", "modelled_change_total")
_CHANGE_OF_PATCH = ("gross_loss_t_yr", "gross_gain_t_yr", "net_change_t_yr")
_OF_CROPLAND = (
    "potential_per_mille",
    "target_four_per_mille_total",
    "potential_co2e_total",
    "potential_low_t_yr",
    "potential_lowest_total",
)


@dataclass(frozen=True)
class Wording:
    """What the words beside the numbers depend on.

    Attributes
    ----------
    recipe : Recipe
        Sets the ranking potential, the rate of the yardstick and the level of the intervals.
    lang : str
        Language of labels and numbers: "en", "fr" or "es".
    period : str
        Years of the modelled change, such as "1990–2010"; "" if unknown.
    depth : str
        Depth of the stock, cm, such as "0-30"; "" if unknown.
    """

    recipe: Recipe
    lang: str
    period: str = ""
    depth: str = ""


def region_rows(
    row: TableRow,
    wording: Wording,
    rank_total: int = 0,
    uses: Mapping[str, float] | None = None,
) -> list[Row]:
    """Return the rows of a popup for one row of an edition's table.

    Parameters
    ----------
    row : mapping
        Column -> value, from `edition.table`; numbers of absent columns are left out.
    wording : Wording
        Recipe, language, period of the change and depth of the stock.
    rank_total : int
        Number of rows that are ranked together with this one; 0 or 1 leaves the rank out.
    uses : mapping, optional
        Land use -> its stock, t; see `stocks_by_use`.
    """
    recipe, lang = wording.recipe, wording.lang
    leading = f"{recipe.methods.ranking_potential}_total"
    labels = {"stock": _stock_label(wording), "yardstick": _yardstick_label(wording)}
    rows: list[Row] = []

    def add(label: str, column: str, show: Callable[[float], str], depth: int = 0) -> None:
        """Append the line of one number, if `row` has its column.

        Parameters
        ----------
        label : str
            Key of the label's text, without the leading ``numbers.``.
        column : str
            Column of `row` that has the number, in the unit that `show` expects.
        show : callable
            Returns a number as text; a missing number is NaN.
        depth : int
            1 for an indented row, else 0.
        """
        if column in row:
            words = labels.get(label) or text(f"numbers.{label}", lang)
            rows.append((words, show(_float(row[column])), depth))

    def carbon(value: float) -> str:
        return _worded("numbers.of_carbon", tonnes(value, lang), value, lang)

    def per_year(value: float) -> str:
        return _worded("numbers.per_year", tonnes(value, lang), value, lang)

    def co2e(value: float) -> str:
        return _worded("numbers.co2e_per_year", tonnes(value, lang), value, lang)

    def per_mille(value: float) -> str:
        return _worded("numbers.per_mille_value", number(value, lang, 2), value, lang)

    whole = row.get("set") == "total"
    area = ("land", "land_valid_ha") if whole else ("area", "area_ha")
    add(*area, lambda v: hectares(v, lang))
    add("stock", "soc_stock_total", carbon)
    rows += _use_row(uses or {}, lang)
    if _has_no_cropland(row, leading):
        rows.append((text("numbers.potential", lang), text("numbers.no_cropland", lang), 0))
        # Numbers of 0 would suggest that there is such land, with a potential known to be low.
        row = {k: v for k, v in row.items() if k not in (*_OF_CROPLAND, leading)}
    add("potential", leading, per_year)
    rows += _range_rows(row, recipe, lang)
    add("co2e", "potential_co2e_total", co2e, 1)
    add("per_mille", "potential_per_mille", per_mille, 1)
    add("yardstick", "target_four_per_mille_total", per_year, 1)
    if "modelled_change_total" in row:
        rows += _change_rows([row.get(c) for c in _CHANGE_TOTALS], wording.period, lang)
    add("hot_area", "hot_managed_ha", lambda v: _hot(row, v, lang))
    add("excluded", "not_ranked_share", lambda v: _excluded(row, v, lang))
    if not whole and _float(row.get("soc_stock_missing_share")) != 0:
        add("missing", "soc_stock_missing_share", lambda v: percent(v, lang))
    return rows + _rank_rows(row, rank_total, recipe, lang)


def _stock_label(wording: Wording) -> str:
    if not wording.depth:
        return text("numbers.stock", wording.lang)
    return text("numbers.stock_depth", wording.lang, depth=wording.depth.replace("-", "–"))


def _yardstick_label(wording: Wording) -> str:
    """Return the label with the recipe's rate; only 0.4% a year is called 4 per 1000."""
    rate, lang = wording.recipe.target.rate, wording.lang
    key = "yardstick" if math.isclose(rate, FOUR_PER_MILLE) else "yardstick_other"
    shown = text("format.percent", lang, value=number(100 * rate, lang))
    return text(f"numbers.{key}", lang, rate=shown)


def stocks_by_use(land_use: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return region -> land use -> stock (t) from an edition's land-use table."""
    out: dict[str, dict[str, float]] = {}
    if "soc_stock_t" not in land_use:
        return out
    columns = (land_use[name] for name in ("id", "land_use", "soc_stock_t"))
    for key, use, stock in zip(*columns, strict=True):
        out.setdefault(str(key), {})[str(use)] = float(stock)
    return out


def _use_row(uses: Mapping[str, float], lang: str) -> list[Row]:
    """Return the row with the shares of land uses in a stock."""
    whole = sum(uses.values())
    if not whole > 0:
        return []
    parts = (f"{code_label('use', u, lang)} {percent(t / whole, lang)}" for u, t in uses.items())
    return [(text("numbers.by_use", lang), ", ".join(parts), 1)]


def _range_rows(row: TableRow, recipe: Recipe, lang: str) -> list[Row]:
    """Return the rows on the uncertainty of the potential: over errors, and over methods."""
    level = percent(recipe.uncertainty.level, lang)
    rows: list[Row] = []
    for label, columns in (
        ("interval", ("potential_low_t_yr", "potential_high_t_yr")),
        ("methods", ("potential_lowest_total", "potential_highest_total")),
    ):
        low, high = (_float(row.get(c)) for c in columns)
        if math.isfinite(low) and math.isfinite(high):
            ends = _span(tonnes(low, lang), tonnes(high, lang), lang)
            shown = text("numbers.per_year", lang, value=ends)
            rows.append((text(f"numbers.{label}", lang, level=level), shown, 1))
    return rows


def _span(low: str, high: str, lang: str) -> str:
    """Return "3.6–13.2 Mt" for "3.6 Mt" and "13.2 Mt"; both in full if unit or sign differ."""
    # The locale's formats put it between number and unit.
    blank = "\N{NO-BREAK SPACE}"
    same_unit = low.rpartition(blank)[2] == high.rpartition(blank)[2]
    if same_unit and "\N{MINUS SIGN}" not in low:
        return f"{low.rpartition(blank)[0]}–{high}"
    return text("numbers.range", lang, low=low, high=high)


def _rank_rows(row: TableRow, total: int, recipe: Recipe, lang: str) -> list[Row]:
    """Return the rows on the rank, its interval over the draws, and the stable top k."""
    # Editions of earlier versions rank a set of one.
    if total < 2 or not math.isfinite(_float(row.get("rank"))):
        return []
    value = text("numbers.rank_of", lang, rank=int(_float(row["rank"])), total=total)
    low, high = _float(row.get("rank_low")), _float(row.get("rank_high"))
    level = percent(recipe.uncertainty.level, lang)
    rows: list[Row] = [(text("numbers.rank", lang), value, 0)]
    if math.isfinite(low) and math.isfinite(high):
        span = text("legend.between", lang, low=int(low), high=int(high))
        rows.append((text("numbers.interval", lang, level=level), span, 1))
    if _float(row.get("stable_top_k")) == 1:
        k, sure = recipe.uncertainty.top_k, percent(recipe.hotspots.stability, lang)
        rows.append((text("numbers.stable_top", lang, k=k, level=sure), "", 1))
    return rows


def _has_no_cropland(row: TableRow, leading: str) -> bool:
    """Return whether a region has land with data, but none that the potential refers to."""
    managed = row.get(leading.removesuffix("_total") + "_valid_area_ha")
    return _float(managed) == 0 and _float(row.get("land_valid_ha")) > 0


def _change_rows(amounts: Sequence[object], period: str, lang: str) -> list[Row]:
    """Return the rows of gross loss, gross gain and net change (positive = gain)."""
    heading = (
        text("numbers.change_heading", lang, years=period)
        if period
        else text("numbers.change_heading_plain", lang)
    )
    rows: list[Row] = [(heading, "", 0)]
    for label, amount in zip(("gross_loss", "gross_gain", "net"), amounts, strict=True):
        value = _float(amount)
        signed = tonnes(value, lang, sign=label == "net")
        shown = _worded("numbers.per_year", signed, value, lang)
        rows.append((text(f"numbers.{label}", lang), shown, 1))
    return rows


def _hot(row: TableRow, value: float, lang: str) -> str:
    share = _float(row.get("hot_share"))
    if not math.isfinite(share):
        return hectares(value, lang)
    return text("numbers.of_ranked", lang, value=hectares(value, lang), share=percent(share, lang))


def _excluded(row: TableRow, value: float, lang: str) -> str:
    """Return the excluded share of the land and its main reasons, by area."""
    shown = _worded("numbers.of_land", percent(value, lang), value, lang, name="share")
    areas = {n: _float(row.get(f"excluded_reason_{n}_area_ha")) for n in EXCLUSION_REASONS.values()}
    areas["unmanaged"] = _float(row.get("unmanaged_in_ranked_cells_ha"))
    found = sorted((n for n in areas if areas[n] > 0), key=lambda n: -areas[n])
    whole = sum(areas[n] for n in found)
    if not found or not math.isfinite(value) or value <= 0:
        return shown
    reasons = ", ".join(
        f"{text(f'reason.{n}', lang)} {percent(areas[n] / whole, lang)}" for n in found[:3]
    )
    return f"{shown}. {text('numbers.reasons', lang, reasons=reasons)}"


def region_notes(row: TableRow | None, lang: str) -> list[str]:
    """Return remarks on a country's numbers: from nearest cells, missing, or not in the edition.

    In English this is the note of the table, which has more detail.
    """
    if row is None:
        return [text("numbers.not_in_edition", lang)]
    note = row.get("note")
    if lang == "en" and isinstance(note, str) and note.strip():
        return [note.strip()[0].upper() + note.strip()[1:]]
    keys = {"nearest": "numbers.nearest", "missing": "numbers.no_value"}
    key = keys.get(str(row.get("value_from", "covered")))
    return [text(key, lang)] if key else []


def patch_rows(row: TableRow, names: Mapping[str, str], period: str, lang: str) -> list[Row]:
    """Return the rows of the tooltip of a hot patch; `names` has the countries' names by id.

    Parameters
    ----------
    row : mapping
        Column -> value, from `edition.hotspots`: hectares (``_ha``) and tonnes (``_t_yr``). Rows of
        absent optional columns are left out; a missing number is shown as such.
    names : mapping
        Id of a country -> its name in `lang`; a country that isn't in it is shown by its id.
    period : str
        Years of the modelled change, such as "1990–2010"; "" if unknown.
    lang : str
        Language of labels and numbers: "en", "fr" or "es".
    """

    def per_year(value: float) -> str:
        return _worded("numbers.per_year", tonnes(value, lang), value, lang)

    rows: list[Row] = [(text("patch.area", lang), hectares(_float(row["land_ha"]), lang), 0)]
    if "managed_ha" in row:
        rows.append((text("patch.managed", lang), hectares(_float(row["managed_ha"]), lang), 1))
    rows.append((text("patch.potential", lang), per_year(_float(row["potential_t_yr"])), 0))
    if "net_change_t_yr" in row:
        rows += _change_rows([row[c] for c in _CHANGE_OF_PATCH], period, lang)
    zone = str(row.get("climate_zone", ""))
    if zone:
        rows.append((text("patch.zone", lang), code_label("zone", zone, lang), 0))
    ids = [i for i in str(row.get("countries", "")).split(",") if i]
    if ids:
        rows.append((text("patch.countries", lang), ", ".join(names.get(i, i) for i in ids), 0))
    return rows


def count_ranked(rows: Iterable[TableRow], of_set: str) -> int:
    """Return the number of rows of a set that have a rank."""
    return sum(r.get("set") == of_set and math.isfinite(_float(r.get("rank"))) for r in rows)


def by_id(table: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Return the rows of an edition's table by id."""
    records = table.to_dict(orient="records")
    return {
        str(key): {str(column): value for column, value in row.items()}
        for key, row in zip(table.index, records, strict=True)
    }


def _float(value: object) -> float:
    """Return a number as float; NaN for any missing value."""
    try:
        return float(cast("float", value))
    except (TypeError, ValueError):
        return math.nan


def _worded(key: str, shown: str, value: float, lang: str, name: str = "value") -> str:
    """Insert a formatted number into its message; the text for missing values is unchanged."""
    return text(key, lang, **{name: shown}) if math.isfinite(value) else shown
