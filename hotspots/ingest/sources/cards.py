"""Source cards: one page for each public source, generated from the catalogue alone.

`rows` is for lists, `card` for one source, `markdown` for the whole of ``docs/sources.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hotspots import config
from hotspots.ingest.sources.catalogue import source, sources
from hotspots.ingest.sources.model import Access, Product, Source, canonical_name
from hotspots.layers.legends import legend
from hotspots.layers.variables import variable
from hotspots.locale.escaping import (
    markdown_code,
    markdown_link,
    markdown_table,
    markdown_text,
    one_line,
    shell_word,
)
from hotspots.store.licences import licence, licence_summary

SURE_WORDS = {
    "verified": "the files themselves were opened and checked",
    "secondary": "from documentation and public programs that agree; not checked on the server",
    "from memory": "from general knowledge, to be checked before it is relied on",
    "convention": "a choice of this project",
}
_ACCESS_WORDS = {
    "file": "whole file",
    "window": "window of a file, read over HTTP",
    "tiles": "tiles that the region needs",
    "stac": "items of a STAC catalogue",
    "cds": "job of the Climate Data Store",
    "geoboundaries": "one file for each country, found by the API",
}
_BOUNDS = ("_lower", "_upper")
_INTRODUCTION = f"""
Every source that `hotspots ingest` knows. This page is made from the catalogue
(`hotspots/ingest/sources/`, one TOML file each) by `python docs/figures.py`; `hotspots sources`
lists the same, `hotspots sources show NAME` prints one. A source of your own is a TOML file in the
folder that the environment variable `{config.variable("sources")}` names.

What the catalogue declares (unit, scale, missing value, depth, year) wins over what a file says of
itself. How sure each declaration is, and what nobody has confirmed, is said under "How sure".
""".strip()

# What one may look for here, and what keeps it out.
_NOT_OFFERED = (
    (
        "Soils Revealed, scenarios of the future",
        "public programs read them from Earth Engine, or from a bucket that needs keys; no address"
        " that works without an account was found (2026-11-30)",
    ),
    (
        "Harmonized World Soil Database 2",
        "its map holds numbers of soil units, whose values are in a database beside it",
    ),
    (
        "OpenLandMap, annual soil carbon at 1 km",
        "its scale is documented nowhere that was seen; OpenLandMap-soildb has five periods",
    ),
)


def rows() -> list[dict[str, str]]:
    """Return the sources as rows of text, sorted by name.

    ``name``, ``title``, ``variables``, ``cell`` (finest), ``years``, ``sure``, and what a user must
    state: ``licence`` with its ``licence_url`` and ``licence_note`` (what is uncertain about it, or
    ""), ``citation``, ``doi`` ("" if there is none) and ``url``.
    """
    return [
        {
            "name": made.name,
            "title": made.title,
            "variables": ", ".join(_variables(made)),
            "cell": _finest(made),
            "years": years_text(y for p in made.products for y in p.years),
            "licence": licence(made.licence).title,
            "licence_url": licence(made.licence).url,
            "licence_note": made.licence_note,
            "citation": made.citation,
            "doi": made.doi,
            "url": made.url,
            "sure": made.sure,
        }
        for made in sources().values()
    ]


def card(name: str) -> str:
    """Return the card of one source as Markdown, or raise `UnknownSourceError`."""
    return "\n\n".join(_card(source(name), "#")) + "\n"


def markdown() -> str:
    """Return the page of all sources as Markdown."""
    heads = ("Source", "What", "Finest cell", "Years", "Licence", "How sure")
    listed = [
        (
            f"[`{row['name']}`](#{row['name']})",
            *(markdown_text(row[key]) for key in ("title", "cell", "years", "licence", "sure")),
        )
        for row in rows()
    ]
    parts = ["# Sources", _INTRODUCTION, markdown_table(heads, listed)]
    for made in sources().values():
        parts += _card(made, "##")
    missing = "\n".join(f"- {what}: {why}." for what, why in _NOT_OFFERED)
    parts += ["## What isn't offered, and why", missing]
    return "\n\n".join(parts) + "\n"


def _card(made: Source, level: str) -> list[str]:
    page = level == "##"  # the list links to a heading that is the source's name
    title, text = markdown_text(made.title), markdown_text
    return [
        f"{level} {made.name if page else title}",
        *([f"**{title}**"] if page else [f"`{made.name}`"]),
        f"{text(made.about)} By {text(made.publisher)}"
        f"{f', version {text(made.version)}' if made.version else ''}: {markdown_link(made.url)}.",
        f"{level}# Products",
        _products(made),
        f"{level}# Where the bytes come from",
        _accesses(made),
        *_tokens(made),
        f"{level}# Licence and citation",
        f"{text(licence_summary(made.licence))} ({markdown_link(licence(made.licence).url)})."
        + (f" {text(made.licence_note)}" if made.licence_note else ""),
        text(made.citation) + ".",
        f"{level}# How sure",
        f"{made.sure.capitalize()}: {SURE_WORDS[made.sure]}.",
        *(["\n".join(f"- {text(doubt)}" for doubt in made.doubts)] if made.doubts else []),
        *(["Settled:", "\n".join(f"- {text(one)}" for one in made.closed)] if made.closed else []),
        *([f"Addresses last checked on {made.checked}."] if made.checked else []),
        f"{level}# Commands",
        f"```bash\n{_commands(made)}\n```",
    ]


# ------------------------------------------------------------------------------------ the products


def _products(made: Source) -> str:
    heads = ("Product", "What", "Stored as", "Becomes", "Missing", "Depth, cm", "Years", "From")
    return markdown_table(heads, [_product_row(made, product) for product in made.products])


def _product_row(made: Source, product: Product) -> tuple[str, ...]:
    star = " \\*" if product in made.defaults() else ""
    ways = made.accesses(product, next(iter(product.years), None))
    others = [a for a in made.accesses(product) if a not in ways]
    sure = f" ({product.sure})" if product.sure else ""
    return (
        f"{markdown_code(product.name)}{star}",
        markdown_text(product.title) + sure,
        _stored(product),
        _becomes(product),
        _missing(product),
        markdown_text(_depths(product)),
        markdown_text(years_text(product.years)),
        ", ".join(markdown_text(a.name) for a in (*ways, *others)),
    )


def _stored(product: Product) -> str:
    if product.kind != "raster":
        return product.kind
    if product.legend:
        return f"codes of the legend {markdown_code(product.legend)}"
    if not product.unit:
        return "codes"
    if product.packed:
        return f"{markdown_code(product.unit)}, packed as the file says"
    formula = "stored" if product.scale == 1 else f"stored x {product.scale:g}"
    formula += f" + {product.offset:g}" if product.offset else ""
    formula = f"{product.transform}({formula})" if product.transform else formula
    formula += f" x {product.thickness:g} m" if product.thickness else ""
    joined = f"; {product.combine} of {len(product.parts)} files" if product.parts else ""
    return f"{formula} = {markdown_code(product.unit)}{joined}"


def _becomes(product: Product) -> str:
    if product.kind != "raster":
        return ""
    row = variable(canonical_name(product))
    unit = "class" if row.classes else f"`{row.unit}`"
    months = {"keep": ", 12 months", "sum": ", months summed", "mean": ", mean of the months"}
    share = f", share of {markdown_code(product.share_of)}" if product.share_of else ""
    return f"`{row.name}`, {unit}{share}{months.get(product.months, '')}"


def _missing(product: Product) -> str:
    if product.kind != "raster":
        return ""
    codes = [product.nodata] if product.nodata is not None else []
    codes += product.also_nodata
    if product.legend:
        codes += [c for c in legend(product.legend).missing if c not in codes]
    return ", ".join(f"{code:g}" for code in codes) or "as the file says"


def _depths(product: Product) -> str:
    if not product.depths:
        return product.depth
    more = f" (also {', '.join(product.more_depths)})" if product.more_depths else ""
    return ", ".join(product.depths) + more


def _variables(made: Source) -> list[str]:
    """Return the variables of a source, without the bounds of their intervals."""
    names = dict.fromkeys(
        canonical_name(p) if p.kind == "raster" else p.name for p in made.products
    )
    return [n for n in names if n.rpartition("_")[0] not in names or n[-6:] not in _BOUNDS]


# ------------------------------------------------------------------------------------ the accesses


def _accesses(made: Source) -> str:
    heads = ("Access", "Cell", "CRS", "How", "Address")
    return markdown_table(heads, [_access_row(access) for access in made.access])


def _access_row(access: Access) -> tuple[str, ...]:
    how = _ACCESS_WORDS[access.kind]
    if access.limits:
        limits = ", ".join(f"{k} {years_text(v)}" for k, v in access.limits.items())
        how += f"; only {markdown_text(limits)}"
    if access.token:
        how += f"; token {markdown_code(access.token)}"
    if access.checksum:
        how += "; checksum known"
    inside = f", in it {markdown_code(access.member)}" if access.member else ""
    address = f"{markdown_code(access.address)}{inside}"
    return (markdown_text(access.name), cell_text(access), markdown_text(access.crs), how, address)


def _tokens(made: Source) -> list[str]:
    return [
        f"{markdown_code(a.name)} needs a token, set as the environment variable"
        f" {markdown_code(a.token)}. {markdown_text(a.token_from)}."
        for a in made.access
        if a.token
    ]


def cell_text(access: Access) -> str:
    """Return the size of an access's cells: "250 m", "30\u2033"; "" without cells."""
    if not access.cell:
        return ""
    if access.crs != "EPSG:4326":
        return f"{access.cell:g} m"
    return angle_text(access.cell)


def angle_text(degrees: float) -> str:
    """Return a cell size in degrees as seconds, minutes or degrees of arc."""
    seconds = degrees * 3600
    if seconds < 60:
        return f"{seconds:.3g}\u2033"
    return f"{seconds / 60:g}\u2032" if seconds < 1800 else f"{degrees:g}\u00b0"


def _finest(made: Source) -> str:
    cells = [a for a in made.access if a.cell]
    return cell_text(min(cells, key=lambda a: a.cell)) if cells else ""


def years_text(years: Iterable[object]) -> str:
    """Return years in order, consecutive ones as a range; texts (statistics, periods) as given."""
    listed = list(dict.fromkeys(years))
    whole = [year for year in listed if isinstance(year, int)]
    if len(whole) < len(listed):
        return ", ".join(str(year).replace("_", "-") for year in listed)
    runs: list[list[int]] = []
    for year in sorted(whole):
        if runs and year == runs[-1][1] + 1:
            runs[-1][1] = year
        else:
            runs.append([year, year])
    return ", ".join(f"{a}-{b}" if b > a else str(a) for a, b in runs)


def _commands(made: Source) -> str:
    first = made.defaults()[0]
    names = [p.short_name for p in made.products]
    ask = "hotspots ingest {} --region KEN --store DIR"
    lines = [
        f"{ask.format(made.name)}    # the products marked *",
        ask.format(_typed(made, first, names)),
    ]
    dated = next((p for p in made.products if len(p.years) > 1), None)
    if dated:
        year = shell_word(dated.years[-1])
        lines.append(ask.format(f"{_typed(made, dated, names)} --year {year}"))
    return "\n".join(dict.fromkeys(map(one_line, lines)))


def _typed(made: Source, product: Product, names: Sequence[str]) -> str:
    """Return "source/product" for a shell; the full name where the short one is ambiguous."""
    name = product.short_name if names.count(product.short_name) == 1 else product.name
    return f"{made.name}/{shell_word(name)}"
