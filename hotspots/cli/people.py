"""``hotspots registry …`` for people's work: tokens, suggestions, erasure, surveys, the journal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import hotspots as hs
from hotspots.cli.options import Token, Where
from hotspots.cli.printing import Json, print_rows, print_table, put, put_json, short, tell
from hotspots.errors import BadInputError, HotspotsError

if TYPE_CHECKING:
    from hotspots.registry import Registry

token_app = typer.Typer(help="Tokens: who acts on a registry.", no_args_is_help=True)
_WIDEST = 60
_MOST_LISTED = 10


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module to the group ``registry``."""
    app.add_typer(token_app, name="token")
    app.command("suggest")(suggest)
    app.command("review")(review)
    app.command("erase")(erase)
    app.command("survey")(survey)
    app.command("journal")(show_journal)
    app.command("stale")(show_stale)
    app.command("verify")(verify)


@token_app.command("create")
def token_create(
    holder: Annotated[str, typer.Option(help="For the history: 'Correspondent Kenya'.")],
    role: Annotated[str, typer.Option(help="reader, correspondent, editor or administrator.")] = "",
    region: Annotated[
        list[str] | None, typer.Option(help="Of a correspondent, may be repeated: KEN, europe.")
    ] = None,
    expires: Annotated[str, typer.Option(help="Last day on which it is valid.")] = "",
    recover: Annotated[
        bool,
        typer.Option(
            "--recover",
            help="Make an administrator's token without showing one, as where all are lost."
            " Whoever can write the database can do so, also while others are valid.",
        ),
    ] = False,
    where: Where = None,
    token: Token = None,
) -> None:
    """Make a token and print its secret, once.

    From the first token of an administrator on, nobody works on the registry without a token.
    Tokens don't limit those who may write the registry's file or database by other ways.
    """
    from hotspots.registry import clock
    from hotspots.registry.actors import LOCAL
    from hotspots.registry.people import tokens

    # A token that has run out must not stand in the way of a new one.
    registry = hs.open_registry(where, token="" if recover else token)
    now = clock.now()
    with registry.writing() as connection:
        beside = tokens.administrators(connection, now)
        if recover:
            if role not in ("", "administrator") or region or expires:
                raise BadInputError("--recover makes an administrator's token; give --holder only.")
            secret = tokens.recover(connection, holder=holder, now=now)
        else:
            secret = tokens.create(
                connection, registry.actor, holder=holder, role=role, regions=region or (),
                expires=expires, now=now,
            )  # fmt: skip
        until = tokens.administered_until(connection, now)
        open_to_all = tokens.actor_of(connection, None) == LOCAL
    tell(f"The secret of the token of '{holder}'; it isn't shown again:")
    put(secret)
    tell("Give it with --token, or set HOTSPOTS_TOKEN.")
    if recover:
        _tell_who_else(beside)
    if open_to_all:
        tell(
            "While there is no administrator's token, whoever can open this registry is its"
            " administrator. Make one: 'token create --role administrator'."
        )
    elif registry.actor == LOCAL:
        tell("From now on, one without a token reads and suggests only.")
    if until:
        tell(
            f"No administrator's token is valid after {until}. Then 'token create --recover' makes"
            " one, for whoever can write the database."
        )


def _tell_who_else(administrators: Sequence[str]) -> None:
    tell("The journal tells administrators that this token was made without another one.")
    if administrators:
        tell(
            f"Still valid are the administrators' tokens of {', '.join(administrators)}; 'token"
            " revoke ID' ends one that is lost."
        )
    else:
        tell("No other administrator's token is valid.")


@token_app.command("list")
def token_list(where: Where = None, token: Token = None, as_json: Json = False) -> None:
    """List the tokens: who holds them, and whether they are valid."""
    from hotspots.registry import clock
    from hotspots.registry.people import tokens

    registry = hs.open_registry(where, token=token)
    with registry.reading() as connection:
        rows = tokens.listed(connection, registry.actor, clock.now())
    if not rows:
        tell("There is no token: whoever can open this registry is its administrator.")
    _rows(rows, ("id", "holder", "role", "regions", "created", "expires", "state"), as_json)


@token_app.command("revoke")
def token_revoke(
    id: Annotated[str, typer.Argument(help="From 'token list'.")],
    where: Where = None,
    token: Token = None,
) -> None:
    """End a token at once."""
    from hotspots.registry import clock
    from hotspots.registry.people import tokens

    registry = hs.open_registry(where, token=token)
    with registry.writing() as connection:
        tokens.revoke(connection, registry.actor, id, clock.now())
    put(f"Revoked {id}.")


def suggest(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX, GeoJSON, GeoPackage.")],
    by: Annotated[str, typer.Option("--by", help="Your name, for those who decide.")] = "",
    where: Where = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Suggest new records or changes; who keeps the region decides.

    Your name and personal fields are seen by those who decide, and deleted from the suggestion
    when they have.
    """
    from hotspots.registry import clock
    from hotspots.registry.exchange.reading import read_file
    from hotspots.registry.people import review, suggestions

    table = read_file(path)
    registry = hs.open_registry(where, token=token)
    now = clock.now()
    with registry.writing() as connection:
        named = suggestions.suggest(connection, table.rows, registry.actor, now, by, table.problems)
    with registry.reading() as connection:
        rows = [
            review.one(connection, registry.actor, now, number) | {"name": name}
            for number, name in named.items()
        ]
    _rows(rows, ("number", "name", "countries", "deciders"), as_json)
    if not as_json:
        tell(f"Suggested {len(rows)}. 'hotspots registry review NUMBER' tells what became of one.")


def review(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Suggestions; all without.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Take them in.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse them; say why.")] = False,
    reason: Annotated[str, typer.Option(help="Of a refusal.")] = "",
    state: Annotated[str, typer.Option(help="pending, accepted or refused.")] = "pending",
    limit: Annotated[int, typer.Option(help="Most suggestions of the list.", min=1)] = 100,
    where: Where = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List suggestions, show some whole, or decide on them.

    Several that are decided together are all decided, or none.
    """
    from hotspots.registry import clock
    from hotspots.registry.people import review as reviews

    registry = hs.open_registry(where, token=token)
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
        tell(f"No suggestion is {state}.")
    _rows(shown, ("number", "at", "by", "action", "id", "countries", "deciders"), as_json)


def _decide(
    registry: Registry, numbers: Sequence[int], accept: bool, refuse: bool, reason: str
) -> None:
    from hotspots.registry import clock
    from hotspots.registry.people import suggestions

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
            tell(f"None of the {len(numbers)} suggestions was decided.")
        raise
    for line in done:
        put(line)


def _print_whole(shown: Sequence[dict[str, Any]]) -> None:
    for row in shown:
        what = f"{row['action']} '{row['id']}'" if row["yours"] else "not yours to see"
        put(f"Suggestion {row['number']} ({row['state']}): {what}")
        put(f"  suggested {row['at']} by {row['contact'].get('by') or row['by']}")
        put(f"  where {', '.join(row['countries']) or 'not stated'}")
        put(f"  who may decide {', '.join(row['deciders']) or 'editors, administrators'}")
        if row["decided_at"]:
            told = f": {row['reason']}" if row["reason"] else ""
            put(f"  decided {row['decided_at']} by {row['decided_by']}{told}")
        for name, (before, after) in row["changes"].items():
            told = row["contact"].get(name) or (f"{_short(before)} -> {_short(after)}")
            put(f"  {name}: {told if before else _short(after)}")
        if row["problem"]:
            put(f"  It can't be accepted now: {row['problem']}")


def erase(
    id: Annotated[str, typer.Argument(help="Of a record.")] = "",
    email: Annotated[
        str, typer.Option(help="Whatever holds this address; '-' reads it from the input.")
    ] = "",
    where: Where = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Erase personal data for good; the record and its history stay."""
    from hotspots.registry import clock
    from hotspots.registry.people import privacy

    # An address on the command line would stay in the shell's history.
    email = sys.stdin.readline().strip() if email == "-" else email
    registry = hs.open_registry(where, token=token)
    with registry.writing() as connection:
        erased = privacy.erase(
            connection, registry.actor, id=id or None, email=email or None, now=clock.now()
        )
    privacy.tidy(registry.engine)
    _rows(erased, ("kind", "id", "fields"), as_json)
    limits = privacy.limits(registry.actor) if email else ""
    if erased:
        tell(privacy.OUT_OF_REACH)
    else:
        tell(f"Nothing personal was found {'in what you keep' if limits else 'there'}.")
    if limits:
        tell(limits)


def survey(
    region: Annotated[str, typer.Argument(help="A country or region; all surveys without.")] = "",
    level: Annotated[str, typer.Argument(help="complete or partial.")] = "",
    note: Annotated[str, typer.Option(help="What was looked at, shown to all.")] = "",
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take it back.")] = False,
    where: Where = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Declare how far a region has been gone through, or list what was declared."""
    from hotspots.registry import clock
    from hotspots.registry.people import surveys

    registry = hs.open_registry(where, token=token)
    if not region:
        table = registry.surveys
        if as_json or len(table):
            print_table(table, as_json=as_json)
        else:
            tell("No survey is declared.")
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
    id: Annotated[str, typer.Argument(help="Of a record, token, region, suggestion.")] = "",
    by: Annotated[str, typer.Option(help="A holder of a token.")] = "",
    since: Annotated[str, typer.Option(help="A day or a moment (UTC).")] = "",
    limit: Annotated[int, typer.Option(help="Most lines.")] = 100,
    where: Where = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Show who did what, the newest first; what was done to tokens only to administrators."""
    from hotspots.registry.people.journal import journal

    registry = hs.open_registry(where, token=token)
    with registry.reading() as connection:
        rows = journal(
            connection, registry.actor,
            id=id or None, by=by or None, since=since or None, limit=limit,
        )  # fmt: skip
    if not rows:
        tell("Nothing was done.")
    _rows(rows, ("at", "by", "action", "target", "detail"), as_json)


def show_stale(
    days: Annotated[int, typer.Option(help="Days since the last verification.")] = 730,
    region: Annotated[str | None, typer.Option(help="A country or region.")] = None,
    where: Where = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """List the records that nobody has verified for long; a correspondent's own with a token."""
    from hotspots.registry.people.stale import stale

    table = stale(hs.open_registry(where, token=token), days, region)
    if as_json:
        print_table(table, as_json=True)
        return
    if not len(table):
        tell(f"Every record was verified within {days} days.")
        return
    ages = ["never" if age != age else f"{age:.0f} days" for age in table["age_days"]]
    shown = table[["id", "type", "country", "owner"]].assign(verified=ages)
    print_table(shown.map(_short), as_json=False)


def verify(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Of records.")],
    where: Where = None,
    token: Token = None,
) -> None:
    """Say that records are right as they stand today."""
    from hotspots.registry.people.stale import verify as run

    done, already = run(hs.open_registry(where, token=token), ids)
    for what, some in ((f"Verified {len(done)}", done), ("Already verified today", already)):
        if some:
            listed, more = ", ".join(some[:_MOST_LISTED]), len(some) - _MOST_LISTED
            put(f"{what}: {listed}{f' and {more:,} more' if more > 0 else ''}")


def _rows(rows: Sequence[dict[str, Any]], columns: Sequence[str], as_json: bool) -> None:
    """Print rows; in a table, lists joined and long text cut."""
    if as_json:
        put_json(list(rows))
        return
    shown = [{name: _short(row[name]) for name in columns} for row in rows]
    print_rows(shown, columns, as_json=False)


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
    return short(text, _WIDEST)
