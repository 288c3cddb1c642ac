"""``hotspots registry …``: suggestions, review, erasure, surveys, journal, verification."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hotspots.cli.options import Token, TokenFile, Where
from hotspots.cli.output import Json, print_short_rows, print_table, put, report, short_cell
from hotspots.cli.registry_access import opened
from hotspots.errors import BadInputError, HotspotsError, RegistryError

if TYPE_CHECKING:
    from hotspots.registry import Registry
    from hotspots.registry.governance.review import ReviewedSuggestion

_MOST_LISTED = 10


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to the group ``registry``."""
    app.command("suggest")(suggest)
    app.command("review")(review)
    app.command("erase")(erase)
    app.command("survey")(survey)
    app.command("journal")(show_journal)
    app.command("stale")(show_stale)
    app.command("verify")(verify)


def suggest(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, XLSX, ODS, XLS, GeoJSON or GeoPackage.")
    ],
    by: Annotated[
        str, typer.Option("--by", help="Your name, for the reviewers; at most 100 characters.")
    ] = "",
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Suggest new records or changes; the region's correspondent or an editor decides.

    Your name and personal fields are visible to the reviewers, and deleted from the suggestion
    once they have decided.
    """
    from hotspots.io import clock
    from hotspots.registry.formats.read import read_file
    from hotspots.registry.governance import review, suggestions

    table = read_file(path)
    registry = opened(where, token, token_file)
    now = clock.now()
    with registry.writing() as connection:
        named = suggestions.suggest(connection, table.rows, registry.actor, now, by, table.problems)
    with registry.reading() as connection:
        rows = [
            {**review.one(connection, registry.actor, now, number), "name": name}
            for number, name in named.items()
        ]
    print_short_rows(rows, ("number", "name", "countries", "deciders"), as_json)
    if not as_json:
        report(f"Suggested {len(rows)}. 'hotspots registry review NUMBER' shows the state of one.")


def review(
    numbers: Annotated[
        list[int] | None,
        typer.Argument(metavar="[NUMBER]...", help="Numbers of suggestions; by default all."),
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Accept those numbered.")] = False,
    refuse: Annotated[
        bool, typer.Option("--refuse", help="Refuse those numbered; give --reason.")
    ] = False,
    reason: Annotated[
        str, typer.Option(help="Reason for a refusal; at most 1,000 characters.")
    ] = "",
    state: Annotated[
        str, typer.Option(help="State of those listed: pending, accepted or refused.")
    ] = "pending",
    limit: Annotated[int, typer.Option(help="Maximum number of suggestions listed.", min=1)] = 100,
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """List suggestions, show some in full, or decide on them.

    Several suggestions are decided in a single transaction.
    """
    from hotspots.io import clock
    from hotspots.registry.governance import review as reviews

    registry = opened(where, token, token_file)
    if accept or refuse:
        _decide(registry, numbers or [], accept, refuse, reason)
        return
    with registry.reading() as connection:
        now = clock.now()
        if numbers:
            shown = [reviews.one(connection, registry.actor, now, number) for number in numbers]
        else:
            shown = reviews.queue(connection, registry.actor, now, state, limit=limit)
    if numbers and not as_json:
        _print_whole(shown)
        return
    if not shown:
        report(f"No suggestion is {state}.")
    print_short_rows(
        shown, ("number", "at", "by", "action", "id", "countries", "deciders"), as_json
    )


def _decide(
    registry: Registry, numbers: Sequence[int], accept: bool, refuse: bool, reason: str
) -> None:
    from hotspots.io import clock
    from hotspots.registry.governance import suggestions

    if accept and refuse:
        raise BadInputError("Give either --accept or --refuse, one of them.")
    if not numbers:
        raise BadInputError("No suggestion is named. Give its number; 'review' lists them.")
    done = []
    try:
        with registry.writing() as connection:
            for number in numbers:
                if accept:
                    id = suggestions.accept(connection, number, registry.actor, clock.now())
                    done.append(f"Accepted {number}: '{id}'.")
                else:
                    suggestions.refuse(connection, number, registry.actor, reason, clock.now())
                    done.append(f"Refused {number}.")
    except HotspotsError:
        if len(numbers) > 1:
            report(f"None of the {len(numbers)} suggestions was decided.")
        raise
    for line in done:
        put(line)


def _print_whole(shown: Sequence[ReviewedSuggestion]) -> None:
    for row in shown:
        what = f"{row['action']} '{row['id']}'" if row["yours"] else "not yours to see"
        put(f"Suggestion {row['number']} ({row['state']}): {what}")
        put(f"  suggested {row['at']} by {row['contact'].get('by') or row['by']}")
        put(f"  where {', '.join(row['countries']) or 'not stated'}")
        put(f"  who may decide {', '.join(row['deciders']) or 'editors, administrators'}")
        if row["decided_at"]:
            why = f": {row['reason']}" if row["reason"] else ""
            put(f"  decided {row['decided_at']} by {row['decided_by']}{why}")
        for name, (before, after) in row["changes"].items():
            change = row["contact"].get(name) or (f"{short_cell(before)} -> {short_cell(after)}")
            put(f"  {name}: {change if before else short_cell(after)}")
        if row["problem"]:
            put(f"  It can't be accepted now: {row['problem']}")


def erase(
    id: Annotated[str, typer.Argument(help="Id of a record; or give --email.")] = "",
    email: Annotated[
        str,
        typer.Option(
            help="Everything with this address; '-' reads it from the input, after a token there."
        ),
    ] = "",
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Erase personal data permanently; the record and its history stay."""
    from hotspots.io import clock
    from hotspots.registry.governance import erasure_remnants, privacy

    registry = opened(where, token, token_file)
    # An address on the command line would stay in the shell's history.
    email = sys.stdin.readline().strip() if email == "-" else email
    with registry.writing() as connection:
        erased = privacy.erase(
            connection, registry.actor, id=id or None, email=email or None, now=clock.now()
        )
    print_short_rows(erased, ("kind", "id", "fields"), as_json)
    limits = privacy.limits(registry.actor) if email else ""
    if erased:
        report(privacy.OUT_OF_REACH)
    else:
        report(f"Nothing personal was found {'in what you keep' if limits else 'there'}.")
    if limits:
        report(limits)
    # After the transaction, since rewriting the files can't be part of one.
    try:
        erasure_remnants.tidy(registry.engine)
    except RegistryError as pending:
        report(str(pending))
        raise typer.Exit(1) from pending


def survey(
    region: Annotated[
        str,
        typer.Argument(
            help="A country (KEN), first-level unit (KE-31), region of the initiative, or world; by"
            " default all surveys are listed."
        ),
    ] = "",
    level: Annotated[str, typer.Argument(help="What is declared: complete or partial.")] = "",
    note: Annotated[
        str, typer.Option(help="What was surveyed, shown to everyone; at most 1,000 characters.")
    ] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Withdraw the declaration.")] = False,
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Declare how completely a region was surveyed, or list the declarations."""
    from hotspots.io import clock
    from hotspots.registry.governance import surveys

    registry = opened(where, token, token_file)
    if not region:
        table = registry.surveys
        if as_json or len(table):
            print_table(table, as_json=as_json)
        else:
            report("No survey is declared.")
        return
    with registry.writing() as connection:
        if withdraw:
            code = surveys.withdraw(connection, registry.actor, region, clock.now())
            done = f"Withdrew the survey of {code}."
        else:
            code = surveys.declare(connection, registry.actor, region, level, clock.now(), note)
            done = f"Declared a {level} survey of {code}."
    put(done)


def show_journal(
    id: Annotated[
        str,
        typer.Argument(
            help="Only of this record, token, region or suggestion, by its id or number."
        ),
    ] = "",
    by: Annotated[str, typer.Option(help="Only by this holder of a token.")] = "",
    since: Annotated[
        str,
        typer.Option(
            help="Only from this day or moment on (UTC): 2026-01-31, 2026-01-31T12:00:00Z."
        ),
    ] = "",
    limit: Annotated[int, typer.Option(help="Maximum number of lines, 1 to 10,000.")] = 100,
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """Show who did what, the newest first; changes of tokens only to administrators."""
    from hotspots.registry.governance.journal import journal

    registry = opened(where, token, token_file)
    with registry.reading() as connection:
        rows = journal(
            connection,
            registry.actor,
            id=id or None,
            by=by or None,
            since=since or None,
            limit=limit,
        )
    if not rows:
        report("Nothing was done.")
    print_short_rows(rows, ("at", "by", "action", "target", "detail"), as_json)


def show_stale(
    days: Annotated[
        int, typer.Option(help="Least number of days since the last verification, from 0.")
    ] = 730,
    region: Annotated[
        str | None, typer.Option(help="Only of this country (KEN) or region.")
    ] = None,
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """List records without a recent verification; with a correspondent's token, their own."""
    from hotspots.registry.governance.verification import stale

    table = stale(opened(where, token, token_file), days, region)
    if as_json:
        print_table(table, as_json=True)
        return
    if not len(table):
        report(f"Every record was verified within {days} days.")
        return
    # NaN, the age of a record that was never verified, isn't equal to itself.
    ages = ["never" if age != age else f"{age:.0f} days" for age in table["age_days"]]
    shown = table[["id", "type", "country", "owner"]].assign(verified=ages)
    print_table(shown.map(short_cell), as_json=False)


def verify(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of records.")],
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
) -> None:
    """Confirm that records are correct today."""
    from hotspots.registry.governance.verification import verify as run

    done, already = run(opened(where, token, token_file), ids)
    for what, some in ((f"Verified {len(done)}", done), ("Already verified today", already)):
        if some:
            listed, more = ", ".join(some[:_MOST_LISTED]), len(some) - _MOST_LISTED
            put(f"{what}: {listed}{f' and {more:,} more' if more > 0 else ''}")
