"""The catalogue of public sources, as data: one TOML file each in ``sources/``.

A source has *products* (what a user requests: a canonical variable, with the declared unit, scale,
nodata, depth and year of its files) and *accesses* (where and how the files are downloaded, one for
each resolution). The catalogue's declarations take precedence over a file's own metadata. A new
source needs a new TOML file only; code is required only for a new kind of access.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from hotspots import config
from hotspots.errors import BadInputError, near_matches, shortened
from hotspots.ingest.sources.model import (
    ACCESS_KINDS,
    COMBINATIONS,
    DTYPES,
    MONTHS,
    PLACEHOLDER,
    PRODUCT_KINDS,
    SURENESS,
    TRANSFORMS,
    Access,
    Product,
    Source,
    Tiles,
    UnknownSourceError,
    Year,
    canonical_name,
    filled,
    is_dated,
    values_of,
)
from hotspots.io.readers.texts import parse_toml, read_text
from hotspots.layers.legends import legend
from hotspots.layers.variables import LAND_COVERS, variable
from hotspots.store.licences import licence

__all__ = [
    "Access",
    "Product",
    "Source",
    "Tiles",
    "UnknownSourceError",
    "canonical_name",
    "filled",
    "is_dated",
    "read_source",
    "source",
    "sources",
    "values_of",
]

SOURCES = Path(__file__).parent
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DEPTH = re.compile(r"\d+(-\d+)?")
# A hint of the model -> what its values may be.
_SIMPLE: dict[Any, Any] = {str: str, bool: bool, int: int, float: int | float, Year: Year}
_SIMPLE_NUMBERS = (int, int | float)  # True is an int to Python, but isn't accepted as a number
# Placeholders that the kind of access fills itself.
_OWN_PLACEHOLDERS = {"tiles": {"tile"}, "geoboundaries": {"iso3"}}


def sources() -> dict[str, Source]:
    """Return name -> source, sorted by name: the packaged ones, and those of the user's folder.

    The environment variable ``HOTSPOTS_SOURCES`` may name a folder of further TOML files; a file
    with the name of a packaged source replaces that source.

    Raises
    ------
    BadInputError
        A file doesn't describe a source; the message names the file and the fault.
    """
    return dict(_sources(config.settings().sources))


@cache
def _sources(own: Path | None) -> tuple[tuple[str, Source], ...]:
    if own and not own.is_dir():
        raise BadInputError(
            f"{config.variable('sources')} is '{shortened(own)}', which isn't a folder."
            " Set it to a folder of TOML files that describe sources, or unset it."
        )
    folders = [SOURCES, *([own] if own else [])]
    found = {s.name: s for folder in folders for s in _of_folder(folder)}
    return tuple(sorted(found.items()))


def _of_folder(folder: Path) -> Iterator[Source]:
    for path in sorted(folder.glob("*.toml")):
        yield read_source(path)


def source(name: str) -> Source:
    """Return the source of this name, or raise `UnknownSourceError` with near matches."""
    known = sources()
    if name not in known:
        raise UnknownSourceError(
            f"There is no source '{name}'{near_matches(name, known) or '.'} 'hotspots sources'"
            " lists all."
        )
    return known[name]


def read_source(path: Path) -> Source:
    """Return the source that a TOML file describes, validated, or raise `BadInputError`."""
    try:
        table = parse_toml(read_text(path, "toml_bytes"))
        made: Source = _build(Source, table)
        _check(made, path)
    except (OSError, ValueError, TypeError, BadInputError) as error:
        raise BadInputError(f"'{path}' doesn't describe a source: {error}") from error
    return made


def _build(kind: Any, table: Mapping[str, Any]) -> Any:
    """Return a dataclass of `kind` built from a TOML table; nested tables become dataclasses."""
    hints = get_type_hints(kind)
    what = kind.__name__.lower()
    known = [f.name for f in fields(kind)]
    strange = [key for key in table if key not in known]
    if strange:
        raise ValueError(
            f"'{strange[0]}' isn't a key of '{what}'"
            f"{near_matches(strange[0], known) or '.'} Allowed: {', '.join(known)}"
        )
    return kind(**{key: _value(hints[key], value, key) for key, value in table.items()})


def _value(hint: Any, value: Any, key: str) -> Any:
    inner = [h for h in get_args(hint) if h is not type(None) and h is not Ellipsis]
    if isinstance(value, list):
        return tuple(_value(inner[0] if inner else Any, item, key) for item in value)
    made = [h for h in (hint, *inner) if h in (Tiles, Access, Product)]
    if isinstance(value, dict) and made:
        return _build(made[0], value)
    if isinstance(value, dict):
        return {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
    expected = _SIMPLE.get(hint, _SIMPLE.get((inner or [hint])[0], object))
    if not isinstance(value, expected) or (isinstance(value, bool) and expected in _SIMPLE_NUMBERS):
        raise ValueError(f"'{key}' is {value!r}, which isn't what is needed there")
    return value


def _check(made: Source, path: Path) -> None:
    if not _NAME.fullmatch(made.name) or made.name != path.stem:
        raise ValueError(f"its name is '{made.name}', where that of the file is needed")
    if not made.products or not made.access:
        raise ValueError("it has no product or no access")
    licence(made.licence)
    _require_one_of("sure", made.sure, SURENESS)
    _check_extent(made.extent)
    if made.checked and not _DATE.fullmatch(made.checked):
        raise ValueError(f"'checked' is '{made.checked}', not a date as 2026-11-30")
    if made.sure != "verified" and not made.doubts:
        raise ValueError(f"it is '{made.sure}', but says in no 'doubts' what isn't confirmed")
    for kind, names in (
        ("access", [a.name for a in made.access]),
        ("product", [p.name for p in made.products]),
    ):
        if len(set(names)) != len(names):
            raise ValueError(f"two of its kind '{kind}' have one name")
    for access in made.access:
        _require_one_of("kind", access.kind, ACCESS_KINDS)
        if (access.kind == "tiles") != (access.tiles is not None):
            raise ValueError(f"access '{access.name}' is of tiles, and [access.tiles] go with that")
    for product in made.products:
        _check_product(made, product)


def _check_extent(extent: tuple[float, ...]) -> None:
    if not extent:
        return
    if len(extent) == 4:
        west, south, east, north = extent
        if -180 <= west < east <= 180 and -90 <= south < north <= 90:
            return
    raise ValueError(
        f"'extent' is {list(extent)}; west, south, east and north in degrees are needed"
    )


def _check_product(made: Source, product: Product) -> None:
    _require_one_of("kind", product.kind, PRODUCT_KINDS)
    if product.sure:
        _require_one_of("sure", product.sure, SURENESS)
    strange = set(product.access) - {a.name for a in made.access}
    if strange:
        raise ValueError(f"product '{product.name}' names the access '{min(strange)}', not there")
    for year in product.years or (None,):
        ways = made.accesses(product, year)
        if not ways:
            period = "" if year is None else f" for {year}"
            raise ValueError(f"product '{product.name}' has no access{period}")
        for access in ways:
            _check_filled(product, access, year)
    if product.kind == "raster":
        _check_raster(product)


def _check_raster(product: Product) -> None:
    row = variable(canonical_name(product))
    if not row.classes and not product.unit:
        raise ValueError(f"product '{product.name}' has no unit")
    _require_one_of("combine", product.combine, COMBINATIONS)
    _require_one_of("months", product.months, MONTHS)
    _require_one_of("transform", product.transform, TRANSFORMS)
    _require_one_of("dtype", product.dtype, DTYPES)
    if product.monthly_files and len(product.parts) != 12:
        raise ValueError(f"product '{product.name}' has {len(product.parts)} parts, not 12 months")
    if bool(product.parts) != bool(product.combine) and not product.monthly_files:
        raise ValueError(f"product '{product.name}': 'parts' and 'combine' go together")
    strange = set(product.bands) - {*product.depths, *product.more_depths}
    if strange:
        raise ValueError(f"product '{product.name}' has a band of '{min(strange)}', no depth of it")
    if product.packed and (product.scale, product.offset, product.nodata) != (1, 0, None):
        raise ValueError(f"product '{product.name}' is packed, so the file declares its scale")
    for depth in (product.depth, *product.depths, *product.more_depths):
        if depth and not _DEPTH.fullmatch(depth):
            raise ValueError(f"product '{product.name}' has the depth '{depth}', not cm as '0-30'")
    if product.legend:
        legend(product.legend)
    if product.share_of:
        _require_one_of("share_of", product.share_of, tuple(LAND_COVERS.values()))


def _check_filled(product: Product, access: Access, year: Year | None) -> None:
    try:
        own = dict.fromkeys(_OWN_PLACEHOLDERS.get(access.kind, ()), "")
        for part in product.parts or ({},):
            values = values_of(product, access, year=year, part=part, **own)
            for template in (access.address, *access.also, access.member, product.subdataset):
                if PLACEHOLDER.search(filled(template, values)):
                    raise ValueError(f"product '{product.name}': '{template}' fills itself")
    except KeyError as error:
        raise ValueError(
            f"product '{product.name}' doesn't fill '{error.args[0]}' of access '{access.name}'"
        ) from error


def _require_one_of(key: str, given: str, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise ValueError(f"'{key}' is '{given}'; allowed are {', '.join(allowed)}")
