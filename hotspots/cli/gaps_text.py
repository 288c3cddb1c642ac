"""The tables of gaps as text: their first rows, a summary, and the registry's completeness."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from hotspots.analysis.gaps.practice_gaps import REASONS
from hotspots.errors import BadInputError
from hotspots.locale import code_label, counted, number, text
from hotspots.locale.messages import in_language

if TYPE_CHECKING:
    import pandas as pd

# Column -> (key of its heading, format); the main columns of each table.
_SHOWN: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "hotspots": {
        "rank": ("#", "d"),
        "id": ("hotspot", ""),
        "countries": ("countries", "list"),
        "class": ("class", "class"),
        "at_stake_t_yr": ("at_stake", "kilo"),
        "matching_inside": ("inside", "d"),
        "matching_near": ("near", "d"),
        "in_country": ("in_country", "d"),
        "nearest_id": ("nearest", ""),
        "nearest_km": ("km", "round"),
        "completeness_by_country": ("registry", "known"),
    },
    "regions": {
        "rank": ("#", "d"),
        "id": ("region", ""),
        "name_en": ("name", "name"),
        "at_stake_t_yr": ("at_stake", "kilo"),
        "records": ("records", "d"),
        "pillar1": ("pillar1", "d"),
        "pillar2": ("pillar2", "d"),
        "pillar3": ("pillar3", "d"),
        "pillar4": ("pillar4", "d"),
        "declared_wider": ("wider", "d"),
        "completeness_by_country": ("registry", "known"),
    },
    "crowded": {
        "rank": ("#", "d"),
        "id": ("hotspot", ""),
        "countries": ("countries", "list"),
        "at_stake_t_yr": ("at_stake", "kilo"),
        "records": ("records", "d"),
        "records_per_mha": ("per_mha", "short"),
        "records_per_mt": ("per_mt", "short"),
        "share_of_records": ("records_share", "percent"),
        "share_of_stake": ("tonnes_share", "percent"),
        "crowding": ("ratio", "short"),
    },
    "outside": {
        "rank": ("#", "d"),
        "id": ("record", ""),
        "type": ("type", "type"),
        "country": ("country", ""),
        "nearest_hotspot": ("nearest_hotspot", ""),
        "nearest_hotspot_km": ("km", "round"),
    },
    "practices": {
        "rank": ("#", "d"),
        "id": ("hotspot", ""),
        "countries": ("countries", "list"),
        "climate_zone": ("climate", "climate_zone"),
        "practice_kind": ("practice", "practice_kind"),
        "land_use": ("land_use", "land_use"),
        "at_stake_t_yr": ("at_stake", "kilo"),
        "examples": ("examples", "d"),
        "effect_median": ("effect", "short"),
        "example_id": ("nearest", ""),
        "example_km": ("km", "round"),
    },
    "research": {
        "rank": ("#", "d"),
        "region": ("region", ""),
        "name_en": ("name", "name"),
        "pillar": ("pillar", "theme"),
        "at_stake_t_yr": ("at_stake", "kilo"),
        "state": ("actions", "state"),
        "actions": ("number", "d"),
        "newest": ("newest", ""),
        "completeness_by_country": ("registry", "known"),
    },
}
_NUMBERS = ("d", "kilo", "round", "percent", "short")
_STATES = ("none", "undated", "old", "current")
_SETS = ("initiative", "countries")
_NOTHING = {"practices": "gaps.lacks_none", "outside": "gaps.outside_none"}
_LEFT_OUT = dict(
    zip(
        REASONS,
        ("kind", "effect", "proven", "climate", "land_use", "other", "nowhere"),
        strict=True,
    )
)
_WIDEST = 28
_MOST_LISTED = 4


@dataclass(frozen=True)
class GapText:
    """The lines on a table of gaps.

    Attributes
    ----------
    labels : str or None
        Language of headings, codes, names and sentences; None for codes and names in English.
    """

    labels: str | None

    @property
    def lang(self) -> str:
        """The language of the sentences."""
        return self.labels or "en"

    def lines(self, table: pd.DataFrame, most: int) -> Iterator[str]:
        """Yield a table: its first rows, a summary, and the registry's completeness.

        Each set of regions is ranked separately and shown one after the other.
        """
        of = str(table.attrs["of"])
        parts = self._sets(table) if "set" in table else {"": table}
        for heading, part in parts.items():
            if heading:
                yield f"{heading}{text('format.colon', self.lang).rstrip()}"
            if len(part):
                yield self._readable(part.head(most), of)
            if (more := len(part) - most) > 0:
                shown = {"count": number(more, self.lang), "all": f"{len(part)}"}
                yield text("gaps.more", self.lang, **shown)
        yield from filter(None, (self._summed(part, of) for part in parts.values()))
        overlap = text("gaps.overlap", self.lang) if len(parts) > 1 else ""
        yield from filter(None, (self.practices(table), overlap))
        yield in_language(table.attrs["statement"], self.lang)

    def practices(self, table: pd.DataFrame) -> str:
        """Return how many practices are recorded, and which are left out and why."""
        if "practices" not in table.attrs:
            return ""
        count, left = table.attrs["practices"], table.attrs["left_out"]
        if not count:
            return text("gaps.practices.none", self.lang)
        recorded = counted("gaps.practices.recorded", count, self.lang)
        if not left:
            return text("gaps.practices.all", self.lang, recorded=recorded)
        ids = table.attrs["left_out_ids"]
        reasons = text("format.semicolon", self.lang).join(
            text(
                "gaps.practices.reason",
                self.lang,
                count=number(some, self.lang),
                why=text(f"gaps.practices.{_LEFT_OUT[why]}", self.lang),
                ids=self._some(ids[why]),
            )
            for why, some in left.items()
        )
        shown = {"count": number(sum(left.values()), self.lang), "reasons": reasons}
        return text("gaps.practices.left", self.lang, recorded=recorded, **shown)

    def _some(self, ids: Sequence[str]) -> str:
        """Return the first ids of a list, and how many more there are."""
        first, more = ", ".join(ids[:_MOST_LISTED]), len(ids) - _MOST_LISTED
        if more <= 0:
            return first
        return text("gaps.practices.ids", self.lang, ids=first, count=number(more, self.lang))

    def _sets(self, table: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """Return the rows of each set of regions by its heading."""
        found = {
            text("gaps." + str(name), self.lang) if name in _SETS else str(name): part
            # `groupby` would drop the rows of regions that belong to no set.
            for name, part in table.fillna({"set": ""}).groupby("set", sort=False)
        }
        return found or {"": table}

    def _readable(self, rows: pd.DataFrame, of: str) -> str:
        import pandas as pd

        if of == "hotspots":
            both = rows["declared_for_country"] + rows["known_to_be_in_country"]
            rows = rows.assign(in_country=both)
        shown = pd.DataFrame(index=range(len(rows)))
        for column, (key, how) in _SHOWN[of].items():
            heading = self._heading(key, rows)
            cells = [self._written(how, value) for value in self._values(rows, column, how)]
            if how not in _NUMBERS:  # text left-aligned, numbers right-aligned
                width = max(len(heading), *map(len, cells))
                heading, cells = heading.ljust(width), [cell.ljust(width) for cell in cells]
            shown[heading] = cells
        return "\n".join(line.rstrip() for line in shown.to_string(index=False).splitlines())

    def _heading(self, key: str, rows: pd.DataFrame) -> str:
        if key == "#":
            return key
        return text(f"gaps.heading.{key}", self.lang, near=_km(rows, self.lang))

    def _values(self, rows: pd.DataFrame, column: str, how: str) -> list[Any]:
        if how != "name" or self.labels is None:
            return list(rows[column])
        codes = rows["id"] if "id" in rows else rows["region"]
        return [
            _name(str(code), name, self.lang)
            for code, name in zip(codes, rows[column], strict=True)
        ]

    def _written(self, how: str, value: Any) -> str:
        if how in ("", "d"):
            return str(value)
        if how in _AMOUNTS:
            return "" if math.isnan(value) else _AMOUNTS[how](value, self.lang)
        if how == "known":
            return self._known(value)
        if how == "list":
            return _listed(value)
        return _cut(value) if how == "name" else self._labelled(how, value)

    def _labelled(self, how: str, value: str) -> str:
        """Return a code, or some, as labels; without a language, as words."""
        codes = [code for code in value.replace(";", ",").split(",") if code]
        if self.labels is None:
            return _listed(value) if how == "land_use" else value.replace("_", " ")
        if how in ("class", "state"):
            group = "gaps.state" if how == "state" else "class"
            labels = [code_label(group, code, self.lang) for code in codes]
        else:
            from hotspots.registry.schema.vocabulary import vocabulary

            known = vocabulary()[how]
            labels = [known[code][self.lang] if code in known else code for code in codes]
        # "Protect: high loss, low gain" is too wide for a table.
        return ", ".join(label.partition(":")[0].strip() for label in labels)

    def _known(self, by_country: str) -> str:
        """Return the registry's completeness: of several countries the lowest, and in how many."""
        codes = [part.rpartition(":")[2] for part in by_country.split(";") if part]
        if not codes:
            return ""
        from hotspots.analysis.gaps.columns import COMPLETENESS

        worst = min(codes, key=COMPLETENESS.index)
        level = text(f"completeness.code.{worst}", self.lang)
        if len(set(codes)) == 1:
            return level
        shown = {"some": f"{codes.count(worst)}", "count": f"{len(codes)}"}
        return text("completeness.code.of", self.lang, level=level, **shown)

    def _summed(self, table: pd.DataFrame, of: str) -> str:
        """Return a one-sentence summary of the table, or of one set of regions."""
        if len(table):
            return _SUMMARIES[of](table, _km(table, self.lang), self.lang)
        if nothing := table.attrs["nothing"]:
            return in_language(nothing, self.lang)
        return text(_NOTHING.get(of, "gaps.no_hotspot"), self.lang)


def _of_hotspots(table: pd.DataFrame, near: str, lang: str) -> str:
    alone = table[(table["matching_inside"] + table["matching_near"]) == 0]
    # `or 1`: if nothing is at stake, the share is 0, not 0 / 0.
    share = alone["at_stake_t_yr"].sum() / (table["at_stake_t_yr"].sum() or 1)
    shown = {
        "some": number(len(alone), lang),
        "things": counted("gaps.hotspots", len(table), lang),
        "share": f"{share:.0%}"
        if lang == "en"
        else text("format.percent", lang, value=f"{100 * share:.0f}"),
        "near": near,
    }
    return text(f"gaps.{_verb(len(alone), len(table))}", lang, **shown)


def _of_regions(table: pd.DataFrame, _: str, lang: str) -> str:
    alone = int((table["records"] == 0).sum())
    things = counted(f"gaps.{_kind(table)}_of", len(table), lang)
    some = number(alone, lang)
    return text(f"gaps.region_{_verb(alone, len(table))}", lang, some=some, things=things)


def _of_crowded(table: pd.DataFrame, near: str, lang: str) -> str:
    totals = table.attrs
    said = text(
        "gaps.crowded",
        lang,
        records=counted("gaps.records", totals["records_counted"], lang),
        near=near,
        outside=number(totals["records_outside"], lang),
        unplaced=number(totals["records_unplaced"], lang),
    )
    if math.isnan(totals["gini"]):
        return said
    return f"{said} {text('gaps.gini', lang, gini=_fixed(totals['gini'], lang, 2))}"


def _of_outside(table: pd.DataFrame, near: str, lang: str) -> str:
    also = text("gaps.outside_near", lang, near=near) if table.attrs["within_km"] else ""
    return counted("gaps.outside", len(table), lang, also=also)


def _of_practices(table: pd.DataFrame, near: str, lang: str) -> str:
    return counted("gaps.lacks", table["id"].nunique(), lang, near=near)


def _of_research(table: pd.DataFrame, _: str, lang: str) -> str:
    counts = table["state"].value_counts().to_dict()
    parts = ", ".join(
        text(
            "gaps.state_count",
            lang,
            count=number(counts.get(state, 0), lang),
            state=text(f"gaps.state.{state}", lang),
        )
        for state in _STATES
    )
    one = "country" if _kind(table) == "countries" else "region"
    what = text(f"gaps.{one}_pillar", lang)
    return counted("gaps.pairs", len(table), lang, what=what, parts=parts)


_SUMMARIES: Mapping[str, Callable[[pd.DataFrame, str, str], str]] = {
    "hotspots": _of_hotspots,
    "regions": _of_regions,
    "crowded": _of_crowded,
    "outside": _of_outside,
    "practices": _of_practices,
    "research": _of_research,
}


def _verb(some: int, count: int) -> str:
    return "has" if some == 1 or count == 1 else "have"


def _kind(table: pd.DataFrame) -> str:
    return "countries" if set(table["set"]) == {"countries"} else "regions"


def _km(table: pd.DataFrame, lang: str) -> str:
    return f"{_fixed(table.attrs['within_km'], lang)} km"


def _fixed(value: float, lang: str, digits: int | None = None) -> str:
    """Return a number with so many decimals, or as many as it needs."""
    from babel.numbers import format_decimal

    decimals = "#" * 6 if digits is None else "0" * digits
    return str(format_decimal(value, f"#,##0.{decimals}", locale=lang))


def _short(value: float, lang: str) -> str:
    return number(value, lang) if value < 1000 else _fixed(value, lang, 0)


_AMOUNTS: Mapping[str, Callable[[float, str], str]] = {
    "kilo": lambda value, lang: _fixed(value * 1e-3, lang, 1),
    "round": lambda value, lang: _fixed(value, lang, 0),
    "percent": lambda value, lang: _fixed(value * 100, lang, 1),
    "short": _short,
}


@cache
def _name(code: str, name: str, lang: str) -> str:
    """Return the name of a region in a language; of a user's own, the one it has."""
    from hotspots.geo.regions import region

    try:
        return region(code).name(lang)
    except BadInputError:
        return name


def _listed(codes: str) -> str:
    found = codes.replace(";", ",").split(",")
    return ", ".join(found[:_MOST_LISTED]) + (", …" if len(found) > _MOST_LISTED else "")


def _cut(name: str) -> str:
    return name if len(name) <= _WIDEST else name[: _WIDEST - 1] + "…"
