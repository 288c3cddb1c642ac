"""The commands ``hotspots registry duplicates`` and ``merge``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hotspots.cli.options import Token, TokenFile, Where
from hotspots.cli.output import Json, put, put_json, report, short
from hotspots.cli.registry_access import opened
from hotspots.errors import BadInputError

if TYPE_CHECKING:
    from hotspots.registry.deduplication.merge import Preview

_WIDEST = 70
_MOST_LISTED = 10
_NOT_LIKELY = (
    "Too little says that these are the same: no id, address or name in common makes them likely"
    " duplicates."
)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group `registry`."""
    app.command("duplicates")(duplicates)
    app.command("merge")(merge)


def duplicates(
    where: Where = None,
    top: Annotated[int, typer.Option(help="Most pairs to show; all in JSON.", min=1)] = 20,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """List likely duplicates, the most likely first; 'merge' merges two."""
    from hotspots.registry.database.queries import everything
    from hotspots.registry.deduplication.candidates import duplicate_rows

    registry = opened(where, token, token_file)
    with registry.reading() as connection:
        records = list(everything(connection))
    rows = duplicate_rows(records)
    if as_json:
        put_json(rows)
        return
    for row in rows[:top]:
        put(f"{row['score']:.2f}  {row['id']}  {short(row['name'])}")
        put(f"      {row['other_id']}  {short(row['other_name'])}")
        for reason in row["reasons"]:
            put(f"      - {short(reason, 2 * _WIDEST)}")
    if len(rows) > top:
        put(f"… and {len(rows) - top:,} more; --top {len(rows)} shows all.")
    if not rows:
        report(f"No likely duplicates among {len(records):,} records.")


def merge(
    keep: Annotated[str, typer.Argument(help="Id of the record that stays.")],
    drop: Annotated[str, typer.Argument(help="Id that is given up; it then refers to the other.")],
    take: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=drop",
            help="Record whose value of a field is kept: web=drop, web=keep; may be repeated.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the merged record.")
    ] = False,
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Merge two records into one; the history of both is kept."""
    from hotspots.io import clock
    from hotspots.registry.deduplication import merge as merging

    chosen = dict(_choice(text) for text in take or ())
    registry = opened(where, token, token_file)
    with registry.reading() if dry_run else registry.writing() as connection:
        # In the transaction of the merge: what is shown is what was merged.
        made = merging.preview(connection, keep, drop, take=chosen)
        if not dry_run:
            merging.merge(connection, registry.actor, keep, drop, clock.now(), take=chosen)
    if as_json:
        put_json(_json(made))
        return
    for line in _lines(made):
        put(line)
    if not made.reasons:
        report(_NOT_LIKELY)
    done = f"'{drop}' would be merged" if dry_run else f"Merged '{drop}'"
    put(f"{done} into '{keep}'{'; nothing was changed' if dry_run else ''}.")


class _Choice(NamedTuple):
    field: str
    whose: str


def _choice(text: str) -> _Choice:
    name, sign, whose = text.partition("=")
    if not sign:
        raise BadInputError(f"'{text}' doesn't say whose value is kept. Write it as web=drop.")
    return _Choice(name.strip(), whose.strip())


def _json(made: Preview) -> Mapping[str, object]:
    return {
        "fields": {
            name: {"value": text, "from": side, "given_up": lost}
            for name, side, text, lost in _values(made)
        },
        "repointed": list(made.repointed),
        "suggestions": made.suggestions,
        "reasons": list(made.reasons),
    }


class _MergedField(NamedTuple):
    name: str
    side: str  # the record that its value comes from
    text: str
    lost: str


def _values(made: Preview) -> Iterator[_MergedField]:
    """Yield the fields of a merged record; personal data are hidden."""
    from hotspots.registry.imports.plan import HIDDEN
    from hotspots.registry.schema import values
    from hotspots.registry.schema.fields import fields, names

    for name in fields():
        side, lost = made.origin.get(name, ""), made.given_up.get(name, "")
        text = values.write(made.record.get(name)) if side else ""
        # That a personal field has a value is shown, but not its content.
        if name in names("contact"):
            text, lost = HIDDEN if text else "", HIDDEN if lost else ""
        if side or lost:
            yield _MergedField(name, side, text, lost)


def _lines(made: Preview) -> Iterator[str]:
    for name, side, text, lost in _values(made):
        yield f"{name:<16}{side or '-':<6}{short(text) or '(empty)'}"
        if lost:
            yield f"{'':<22}given up: {short(lost)}"
    if made.repointed:
        listed = ", ".join(made.repointed[:_MOST_LISTED])
        more = len(made.repointed) - _MOST_LISTED
        yield f"Relations that follow: of {listed}{f' and {more:,} more' if more > 0 else ''}."
    if made.suggestions:
        yield f"Waiting suggestions that follow: {made.suggestions}."
