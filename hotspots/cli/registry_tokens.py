"""``hotspots registry token …``: who acts on a registry."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hotspots.cli.options import Force, Token, TokenFile, Where
from hotspots.cli.output import Json, print_short_rows, put, report
from hotspots.cli.registry_access import opened
from hotspots.errors import BadInputError
from hotspots.io.atomic import require_writable, write_text

token_app = typer.Typer(help="Tokens: who acts on a registry.", no_args_is_help=True)
_CONFIRMED = "recover"


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group ``registry``."""
    app.add_typer(token_app, name="token")


@token_app.command("create")
def token_create(
    holder: Annotated[str, typer.Option(help="Name in the history: 'Correspondent Kenya'.")],
    role: Annotated[
        str, typer.Option(help="What it allows: reader, correspondent, editor or administrator.")
    ] = "",
    region: Annotated[
        list[str] | None,
        typer.Option(help="Of a correspondent: KEN, europe or world; may be repeated."),
    ] = None,
    expires: Annotated[
        str,
        typer.Option(
            help="Last day on which it is valid (UTC): 2027-12-31; by default it doesn't end."
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Write the secret to this file, for its owner only; don't print it."),
    ] = None,
    force: Force = False,
    recover: Annotated[
        bool,
        typer.Option(
            "--recover",
            help="Create an administrator's token without giving one, if all are lost; those of"
            " other administrators are revoked. Whoever can write the database can do so.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before a recovery.")] = False,
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
) -> None:
    """Create a token and print its secret, once.

    From the first administrator's token on, changing the registry requires a token. Tokens don't
    limit those who can write the registry's file or database by other means.
    """
    from hotspots.registry.governance import grants
    from hotspots.registry.governance.tokens import Grant
    from hotspots.registry.permissions import LOCAL

    if recover and (role not in ("", "administrator") or region or expires):
        raise BadInputError("--recover makes an administrator's token; give --holder only.")
    # Before the token is made: its secret can't be shown again.
    _require_new(out, force)
    # An expired token is ignored, so that it can't prevent a recovery.
    registry = opened(where, "" if recover else token, None if recover else token_file)

    def deliver(secret: str) -> None:
        if out is not None:
            write_text(out, secret + "\n", private=True)

    if recover:
        if not yes:
            _confirm_recovery(registry.source, grants.administrators(registry))
        granted = grants.recover(registry, holder, deliver)
    else:
        granted = grants.grant(registry, Grant(holder, role, region or (), expires), deliver)
    _give(granted.secret, holder, out)
    if recover:
        _report_recovery(granted.revoked)
    if granted.is_open:
        report(
            "While there is no administrator's token, whoever can open this registry is its"
            " administrator. Make one: 'token create --role administrator'."
        )
    elif registry.actor == LOCAL:
        report("From now on, users without a token can only read and suggest.")
    if until := granted.administered_until:
        report(
            f"No administrator's token is valid after {until}. Then 'token create --recover' makes"
            " one, for whoever can write the database."
        )


def _require_new(out: Path | None, force: bool) -> None:
    if out is None:
        return
    require_writable(out)
    if out.exists() and not force:
        raise BadInputError(f"'{out}' exists already. Give another name, or replace it by --force.")


def _give(made: str, holder: str, out: Path | None) -> None:
    if out is None:
        report(f"The secret of the token of '{holder}'; it isn't shown again:")
        put(made)  # alone on standard output, so that a script can catch it
        report("Give it with '--token -' (from the input), --token-file FILE, or HOTSPOTS_TOKEN.")
    else:
        report(f"The secret of the token of '{holder}' is in '{out}': give it with --token-file.")


def _confirm_recovery(source: str, administrators: Sequence[str]) -> None:
    """Ask for confirmation of a recovery on standard input."""
    gone = ", ".join(administrators) or "none is valid"
    report(
        f"A recovery makes a new administrator's token of '{source}' and revokes those of other"
        f" administrators ({gone}). The journal records it. Type '{_CONFIRMED}' to go on:"
    )
    if sys.stdin.readline().strip().casefold() != _CONFIRMED:
        raise BadInputError(
            f"Nothing was changed: the recovery wasn't confirmed. Type '{_CONFIRMED}' when asked,"
            " or give --yes in a script."
        )


def _report_recovery(administrators: Sequence[str]) -> None:
    gone = ", ".join(administrators)
    report(
        f"The administrators' tokens of {gone} were revoked; whoever uses one is informed of the"
        " recovery."
        if administrators
        else "No other administrator's token was valid."
    )
    report("The journal records that this token was created without another one.")


@token_app.command("list")
def token_list(
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
    as_json: Json = False,
) -> None:
    """List the tokens: their holders, and whether they are valid."""
    from hotspots.io import clock
    from hotspots.registry.governance import tokens

    registry = opened(where, token, token_file)
    with registry.reading() as connection:
        rows = tokens.listed(connection, registry.actor, clock.now())
    if not rows:
        report("There is no token: whoever can open this registry is its administrator.")
    print_short_rows(
        rows, ("id", "holder", "role", "regions", "created", "expires", "state"), as_json
    )


@token_app.command("revoke")
def token_revoke(
    id: Annotated[str, typer.Argument(help="Id of a token, from 'token list'.")],
    where: Where = None,
    token: Token = None,
    token_file: TokenFile = None,
) -> None:
    """Revoke a token with immediate effect."""
    from hotspots.io import clock
    from hotspots.registry.governance import tokens

    registry = opened(where, token, token_file)
    with registry.writing() as connection:
        tokens.revoke(connection, registry.actor, id, clock.now())
    put(f"Revoked {id}.")
