"""Commands that show records: export, list, show, graph, matrix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import hotspots as hs
from hotspots.cli.options import REGION, TYPES, Force, Lang, Token, TokenFile, Where
from hotspots.cli.output import Json, print_rows, print_table, print_words, put, put_json
from hotspots.cli.registry_access import opened
from hotspots.errors import BadInputError
from hotspots.locale import check_language, counted, number
from hotspots.locale import text as message

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from hotspots.registry import Registry
    from hotspots.registry.schema.records import Values

_SHORT = ("id", "type", "name", "country", "place", "theme", "status", "verified_on")
_PAGE = 10_000  # the most records that `Registry.find` returns at once


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group `registry`."""
    app.command("export")(export)
    app.command("list")(listed)
    app.command("show")(show)
    app.command("graph")(graph)
    app.command("matrix")(matrix)


def export(
    out: Annotated[Path, typer.Argument(help="The file to write: .csv .xlsx .geojson .gpkg.")],
    where: Where = None,
    region: Annotated[str | None, typer.Option(help=f"Only of this region: {REGION}.")] = None,
    type: Annotated[str | None, typer.Option(help=f"Only of this type: {TYPES}.")] = None,
    theme: Annotated[
        str | None, typer.Option(help="Only with this theme: pillar2, A6, or a label.")
    ] = None,
    private: Annotated[
        bool,
        typer.Option(
            "--private", help="With the personal fields of the records that you maintain."
        ),
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(help="Only these fields, separated by commas; id and version are added."),
    ] = None,
    lang: Lang = None,
    force: Force = False,
    token: Token = None,
    token_file: TokenFile = None,
) -> None:
    """Export records to a file without loss, to edit and import again or to share.

    Leave the columns id and version unchanged: they match your edits to their records and prevent
    overwriting the work of others unnoticed.
    """
    from hotspots.registry.formats.write import write_file

    registry = opened(where, token, token_file, lang=check_language(lang or "en"))
    found = list(_matching(registry, region, type=type, theme=theme))
    if private:
        found = _with_personal_fields(registry, found)
    selected = _columns({str(record["type"]) for record in found}, columns, private)
    write_file(out, found, lang=lang, columns=selected, force=force)
    put(f"Wrote {len(found):,} records to {out}.")


def _columns(types: set[str], requested: str | None, private: bool) -> list[str]:
    """Return the columns of an export: those requested, or all that these types have."""
    from hotspots.registry import fields
    from hotspots.registry.schema.fields import field_called, names

    if requested:
        found = {name: field_called(name) for name in requested.split(",") if name.strip()}
        if strange := [name for name, field in found.items() if field is None]:
            raise BadInputError(
                f"There is no column '{strange[0].strip()}'. The columns are {', '.join(fields())}."
            )
        selected = dict.fromkeys(["id", *filter(None, found.values()), "version", "changed"])
        if not private and set(selected) & set(names("contact")):
            raise BadInputError(
                "Personal columns are exported with --private only, of records that you maintain:"
                " without it their cells would be empty, and an import would delete the values."
            )
        return list(selected)
    return [
        field.name
        for field in fields().values()
        if (private or field.group != "contact") and (not types or field.types & types)
    ]


def _with_personal_fields(registry: Registry, found: list[Values]) -> list[Values]:
    """Return those records that the actor keeps, with their personal fields."""
    from hotspots.registry.database.queries import fetch
    from hotspots.registry.permissions import may_keep
    from hotspots.registry.schema.records import id_of

    kept = [record for record in found if may_keep(registry.actor, record)]
    if not kept and found:
        raise BadInputError(
            "None of these records is yours to keep, so none is written with its personal fields."
            " Leave out --private."
        )
    ids = [id_of(record) for record in kept]
    with registry.reading() as connection:
        whole = fetch(connection, ids)
    return [whole[id_] for id_ in ids]


def _matching(
    registry: Registry,
    region: str | None,
    *,
    type: str | None = None,
    theme: str | None = None,
    text: str | None = None,
) -> Iterator[Values]:
    """Yield the records of a region, or all, read page by page."""
    from hotspots.registry.schema.records import id_of

    place = hs.region(region) if region else None
    code, inside = place.id if place else None, None
    # A drawn region: by position, since records don't list it.
    if place is not None and place.kind not in ("world", "country", "initiative"):
        code, inside = None, set(registry.within(place)["id"])
    after = None
    while page := registry.find(
        text, region=code, theme=theme, type=type, after=after, limit=_PAGE
    ):
        yield from (record for record in page if inside is None or record["id"] in inside)
        after = id_of(page[-1])


def listed(
    where: Where = None,
    region: Annotated[str | None, typer.Option(help=f"Only of this region: {REGION}.")] = None,
    type: Annotated[str | None, typer.Option(help=f"Only of this type: {TYPES}.")] = None,
    theme: Annotated[
        str | None, typer.Option(help="Only with this theme: pillar2, A6, or a label.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Only with this in a name or id.")] = None,
    token: Token = None,
    token_file: TokenFile = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """List records of a region or all; with --region, also how complete the registry is there."""
    from hotspots.registry.public_view import table

    said = check_language(lang or "en")
    registry = opened(where, token, token_file, lang=said)
    found = table(_matching(registry, region, type=type, theme=theme, text=text))
    shown = found.drop(columns="geometry")
    if as_json or len(shown):
        if as_json:
            print_table(shown, as_json=True)
        else:
            print_words(shown[list(_SHORT)] if lang is None else _labelled(shown, lang))
    if not as_json:
        _put_state(registry, found, region, said)


def _labelled(found: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Return the columns of a list with headings and labels in a language."""
    import pandas as pd

    from hotspots.registry import fields
    from hotspots.registry.formats.headings import short_words
    from hotspots.registry.schema.vocabulary import label

    shown: dict[str, list[str]] = {}
    for name in _SHORT:
        if name == "status":  # computed from the dates, no field
            words = [label("status", code, lang) if code else "" for code in found[name]]
            shown[message("records.status", lang)] = words
        else:
            words = [short_words(name, str(cell), lang) for cell in found[name]]
            shown[fields()[name].label[lang]] = words
    return pd.DataFrame(shown)


def _put_state(registry: Registry, found: gpd.GeoDataFrame, region: str | None, lang: str) -> None:
    from hotspots.edition.places import called
    from hotspots.io import clock
    from hotspots.registry.completeness import old_since
    from hotspots.registry.maintenance import region_lines
    from hotspots.registry.open import place_of

    day, place = old_since(clock.today()), hs.region(region) if region else None
    # "" (never verified) sorts before every date, and so counts too.
    stale = number(int((found["verified_on"] < day).sum()), lang)
    where = place_of(registry)
    if len(found):
        said = counted("records.found", len(found), lang, path=where, stale=stale)
    elif place is None:
        said = message("records.none", lang, path=where)
    else:
        said = message("records.none_of", lang, path=where, region=called(place, lang))
    # With a region, the next line says it.
    put(said if place else f"{said} {message('records.absence', lang)}")
    if place is not None:
        for line in region_lines(registry, place, lang):
            put(line)


def show(
    id: Annotated[str, typer.Argument(help="A record's id, or a former one.")],
    where: Where = None,
    private: Annotated[
        bool, typer.Option("--private", help="With personal fields, if you may change the record.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Its versions instead, oldest first.")
    ] = False,
    lang: Annotated[str, typer.Option("--lang", help="Labels in en, fr or es.")] = "en",
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Show one record, field by field, or its history."""
    registry = opened(where, token, token_file, lang=check_language(lang))
    if history:
        from hotspots.registry.governance.journal import changed_fields

        versions = registry.history(id)
        changed = changed_fields(versions)
        rows = [{**row, "fields": text} for row, text in zip(versions, changed, strict=True)]
        shown = ("version", "at", "by", "action", "id", "fields", "note")
        print_rows(rows, shown, as_json=as_json)
        return
    record = registry.get(id, private=private)
    if as_json:
        put_json(record)
        return
    from hotspots.registry import fields
    from hotspots.registry.formats.headings import worded
    from hotspots.registry.schema import values

    [labelled] = worded([record], list(record), lang)
    for name, value in labelled.items():
        put(f"{fields()[name].label[lang]}: {values.write(value)}")


def graph(
    out: Annotated[Path, typer.Argument(help="The file to write: .graphml or .json.")],
    where: Where = None,
    region: Annotated[str | None, typer.Option(help=f"Only of this region: {REGION}.")] = None,
    force: Force = False,
) -> None:
    """Write the graph of relations (lead, funder, partner): records are nodes, relations edges."""
    from hotspots.registry.formats.relation_graph import write_graph

    registry = opened(where)
    write_graph(out, list(_matching(registry, region)), force=force)
    put(f"Wrote {out}.")


def matrix(
    by: Annotated[
        str,
        typer.Option(
            help="Rows: pillar, goal, theme, type, practice_kind, land_use, college, role or"
            " climate_zone."
        ),
    ] = "pillar",
    regions: Annotated[str, typer.Option(help="Columns: initiative or countries.")] = "initiative",
    where: Where = None,
    lang: Annotated[str, typer.Option("--lang", help="Labels in en, fr or es.")] = "en",
    as_json: Json = False,
) -> None:
    """Count records by theme and region; a record of several regions counts once in the total."""
    from hotspots.registry.coverage_matrix import matrix as count

    found = count(opened(where, lang=check_language(lang)).records, by=by, regions=regions)
    if as_json:
        put_json(found.to_dict(lang))
        return
    print_words(found.table(lang).reset_index())
