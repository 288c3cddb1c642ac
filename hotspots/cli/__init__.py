"""The command line: each command calls one function of the package and prints its result.

Exit codes: 0 done, 2 wrong use or bad input, 1 failed, 130 stopped by Ctrl-C. Libraries
are imported inside the commands, so that ``hotspots --help`` responds immediately.
"""

from __future__ import annotations

import errno
import gc
import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import hotspots as hs
from hotspots.cli import (
    check,
    country,
    gaps,
    registry_database,
    registry_duplicates,
    registry_governance,
    registry_import,
    registry_records,
    registry_tokens,
    sources,
)
from hotspots.cli import (
    layers as data,
)
from hotspots.cli.making import edition_with_map
from hotspots.cli.options import Outlines, Where
from hotspots.cli.output import (
    Json,
    print_summary,
    print_table,
    put,
    put_block,
    put_json,
    report,
    say,
    silence,
)
from hotspots.cli.quiet import libraries_quiet, plain_logs
from hotspots.cli.registry_access import opened
from hotspots.errors import BadInputError, HotspotsError, deepest_reason, shortened
from hotspots.io.atomic import require_free, require_writable, write_text
from hotspots.io.limits import require_regular
from hotspots.locale import check_language, code_label, has_text, text

app = typer.Typer(
    help="Soil-carbon hotspots: where soil carbon can be gained or is lost, and who works there.",
    no_args_is_help=True,
    add_completion=False,  # it would write to the shell's start-up files
    pretty_exceptions_enable=False,  # `main` reports errors
)
sample_app = typer.Typer(help="The packaged world sample.", no_args_is_help=True)
recipe_app = typer.Typer(help="Recipes: all settings of an analysis.", no_args_is_help=True)
registry_app = typer.Typer(help="The registry of who does what, and where.", no_args_is_help=True)
methods_app = typer.Typer(help="Methods and their cards.", invoke_without_command=True)
data.add_to(app)
app.add_typer(sources.sources_app, name="sources")
country.add_to(app)

check.add_to(app)
gaps.add_to(app)
registry_import.add_to(registry_app)
registry_records.add_to(registry_app)
registry_duplicates.add_to(registry_app)
registry_governance.add_to(registry_app)
registry_tokens.add_to(registry_app)
registry_database.add_to(registry_app)
app.add_typer(sample_app, name="sample")
app.add_typer(recipe_app, name="recipe")
app.add_typer(registry_app, name="registry")
app.add_typer(methods_app, name="methods")

Lang = Annotated[str, typer.Option("--lang", help="Language of the map: en, fr or es.")]


def main() -> None:
    """Run the command line; an error is printed as one sentence unless ``--debug`` is given."""
    debug = "--debug" in sys.argv[1:]
    # Removed, so that it may stand anywhere, also after a command.
    words = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        with plain_logs() if debug else libraries_quiet():
            code = _run(words, debug)
            if code:  # what a library left unfinished fails once more when it is freed
                gc.collect()
            sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        # As in `hotspots … | head -1`: the reader has closed the pipe. Typer makes an exit of it.
        if not any(isinstance(e, BrokenPipeError) for e in (error, error.__context__)):
            raise
        silence(sys.stdout)
        code = 0
    raise SystemExit(code)


def _run(words: list[str], debug: bool) -> int:
    """Run a command and return its exit code."""
    try:
        # Not `app(words)`, which puts a hook of Typer's in the place of that of `libraries_quiet`.
        code = typer.main.get_command(app)(words, standalone_mode=False)
    except KeyboardInterrupt:
        code = _STOPPED
    except _UsageError as error:
        return _report_usage(error)
    except Exception as error:
        if debug or isinstance(error, BrokenPipeError):
            raise
        # Raised by whichever call meets the path first, so it is recognised here.
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            error = _too_long(error)
        known = isinstance(error, HotspotsError)
        report(f"Error: {error}" if known else _unknown(error))
        return 2 if isinstance(error, BadInputError) else 1
    if code == _STOPPED:  # Typer's exit code for a KeyboardInterrupt
        report("Stopped; nothing was left half-written.")
    return int(code or 0)


def _unknown(error: Exception) -> str:
    said = str(error) if error.__cause__ is None else deepest_reason(error, 1_000)
    return _UNKNOWN.format(type(error).__name__, said)


_STOPPED = 130
_UNKNOWN = "Failed: {}: {}. Run again with --debug for details."
# Typer uses click or, in newer versions, its own copy of it; this is the usage error of either.
_UsageError: Any = typer.BadParameter.__base__


def _too_long(error: OSError) -> BadInputError:
    """Return the error for a path that is too long for the system."""
    path = str(error.filename or "")
    longest = max(map(len, Path(path).parts), default=0)
    return BadInputError(
        f"The path '{shortened(path)}' has {len(path):,} letters, {longest:,} of them in one name,"
        " which is more than this system takes. Give a shorter one."
    )


def _report_usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        said = error.format_message()
        command = error.ctx.command_path if error.ctx else "hotspots"
        end = "" if said.endswith((".", "?")) else "."
        report(f"Error: {said}{end} See '{command} --help'.")
    return int(error.exit_code)


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")
    ] = False,
) -> None:
    """Declare the options of all commands; `main` removes ``--debug`` before Typer parses."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the edition and map.html.")] = Path("demo"),
    lang: Lang = "en",
) -> None:
    """Compute the world's hotspots from the packaged sample: an edition, a map, a table."""
    from hotspots.cli.demonstration import run_demo

    edition = run_demo(out, lang, say)
    print_summary(edition, out, lang)


@app.command()
def analyze(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="New folder for the edition and map.html.")],
    data: Annotated[
        str, typer.Option(help="'sample', a NetCDF or GeoTIFF file, or a folder.")
    ] = "",
    store: Annotated[
        str, typer.Option(help="A store of layers instead of --data; HOTSPOTS_STORE by default.")
    ] = "",
    region: Annotated[
        str,
        typer.Option(
            help="world, a code, a name in English, French or Spanish, W,S,E,N, GeoJSON, or a file."
        ),
    ] = "world",
    regions: Annotated[
        str,
        typer.Option(help="Rows of the table: countries, initiative, first-level, or a file."),
    ] = "countries",
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe (TOML); by default the default recipe.")
    ] = None,
    fill_from: Annotated[
        str,
        typer.Option(help="'sample': take climate zones and cropland from there where lacking."),
    ] = "",
    outlines: Outlines = None,
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """Analyse a region and write its edition and map to a new folder."""
    from hotspots.config import settings
    from hotspots.edition.borrowed import filled, lacking
    from hotspots.edition.inputs import clip, open_any, require_grid_size
    from hotspots.edition.preflight import read_through
    from hotspots.geo.finer_outlines import using
    from hotspots.ingest.store_outlines import chosen_outlines

    require_free(out)  # before minutes of work, not after them
    home = store or ("" if data else settings().store)
    if bool(data) == bool(home):
        raise BadInputError(
            "Give either --data (sample, a file or a folder) or --store, one of them."
        )
    for given in (data, home, regions):  # refused before anything is computed
        require_regular(given)
    context.with_resource(using(chosen_outlines(outlines, home)))
    chosen = _recipe(recipe)
    place = hs.region(region)
    # Read before the analysis, so that a damaged registry is reported within seconds.
    recorded = read_through(opened(None))
    layers = clip(open_any(data, home or None), place)
    require_grid_size(layers)
    lacked = lacking(layers, chosen)
    if fill_from:
        layers = filled(layers, fill_from, chosen)
        for name in lacked:
            say(f"{name}: from the packaged sample at 0.5 degrees, brought to the data's grid")
    elif lacked:
        say(f"without {' and '.join(lacked)}; --fill-from sample takes them at 0.5 degrees")
    edition = edition_with_map(
        out, layers, chosen, _region_set(regions, home), recorded=recorded, lang=lang
    )
    if as_json:
        print_table(edition.table.reset_index(), as_json=True)
    else:
        print_summary(edition, out, lang)


def _region_set(name: str, store: str) -> str:
    """Return the file of a set of regions in the store, or the name itself."""
    if not store or name in ("countries", "initiative"):
        return name
    from hotspots.ingest.add_to_store import region_file
    from hotspots.store import Store

    # First-level units are ingested into a store; other names are files.
    found = region_file(Store(store), name)
    return name if found is None else str(found)


@app.command("map")
def draw_map(
    edition: Annotated[Path, typer.Argument(help="Folder of an edition.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("map.html"),
    registry: Where = None,
    lang: Lang = "en",
) -> None:
    """Draw the map of an edition as one HTML file that works offline."""
    from hotspots.edition.preflight import PAGE_BYTES, read_through, require_space

    require_writable(out)
    require_space(out, PAGE_BYTES)
    recorded = read_through(opened(registry))
    page = hs.explore(hs.open_edition(edition), recorded, lang=lang)
    write_text(out, page.get_root().render())
    put(f"Wrote {out}.")


@app.command()
def serve(
    edition: Annotated[Path, typer.Option(help="Folder of an edition.")] = Path("demo"),
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 for any free one.", min=0, max=65535)
    ] = 8000,
    registry: Where = None,
) -> None:
    """Serve the map at / and the regions' numbers at /v1/regions."""
    from hotspots.api.app import serve as run

    run(hs.open_edition(edition), opened(registry, named=False), host=host, port=port)


@app.command()
def editions(
    folder: Annotated[Path, typer.Argument(help="Folder that holds folders of editions.")] = Path(),
    as_json: Json = False,
) -> None:
    """List the editions in a folder."""
    from hotspots.edition.edition import list_editions

    print_table(list_editions(folder, report), as_json=as_json)


@sample_app.command("build")
def sample_build(
    source: Annotated[Path, typer.Option("--from", help="Folder of the originals.")],
    out: Annotated[Path, typer.Option(help="The NetCDF file to write.")] = Path("world_0p5deg.nc"),
    cells_per_degree: Annotated[
        int, typer.Option(help="Cells per degree: 2 for the sample, 12 for 10 km.")
    ] = 2,
) -> None:
    """Compute the world sample from the openly licensed originals."""
    from hotspots.ingest.sample_build import build_world, write_sample

    write_sample(build_world(source, cells_per_degree=cells_per_degree), out)
    put(f"Wrote {out} ({out.stat().st_size / 1e6:.2f} MB).")


def _recipe(path: Path | None) -> hs.Recipe:
    """Return the recipe in a file, or the default."""
    if path is None:
        return hs.Recipe()
    return hs.Recipe.from_file(path)


@recipe_app.command("show")
def recipe_show(
    path: Annotated[
        Path | None, typer.Argument(help="A recipe (TOML); by default the default recipe.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a recipe: every setting with its unit, range and meaning."""
    recipe = _recipe(path)
    put_block(json.dumps(recipe.to_dict(), indent=1) if as_json else recipe.to_toml(), nl=False)


@recipe_app.command("check")
def recipe_check(path: Annotated[Path, typer.Argument(help="A recipe (TOML).")]) -> None:
    """Check whether a recipe is valid."""
    from hotspots.edition.methods import METHODS, require_usable

    require_usable(_recipe(path), METHODS)
    put(f"{path} is a valid recipe.")


@recipe_app.command("diff")
def recipe_diff(
    this: Annotated[Path, typer.Argument(help="A recipe (TOML).")],
    other: Annotated[
        Path | None, typer.Argument(help="Another (TOML); by default the default recipe.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the settings in which two recipes differ."""
    import pandas as pd

    rows = _recipe(this).differences(_recipe(other))
    if rows or as_json:
        print_table(pd.DataFrame(rows, columns=["key", "this", "other"]), as_json=as_json)
    else:
        put("The recipes are equal.")


@methods_app.callback()
def methods(
    context: typer.Context,
    lang: Annotated[str, typer.Option("--lang", help="Language of the list: en, fr or es.")] = "en",
    as_json: Json = False,
) -> None:
    """List the methods and other cards: id, kind, outputs and inputs; 'show' prints one."""
    # The callback also runs before its subcommands.
    if context.invoked_subcommand is not None:
        return
    from hotspots.edition.methods.cards import rows

    if as_json:
        put_json(rows())
        return
    check_language(lang)
    for row in rows():
        put(_method_heading(row, lang))
        for key in filter(row.get, ("gives", "needs")):
            names = row[key].replace(" or ", f" {text('methods.or', lang)} ")
            line = f"  {text(f'methods.{key}', lang, names=names)}"
            put_block(textwrap.fill(line, 90, subsequent_indent=8 * " ", break_long_words=False))


def _method_heading(row: Mapping[str, str], lang: str) -> str:
    """Return a method's id and kind; in French and Spanish with its name."""
    kind = code_label("methods.kind", row["kind"], lang)
    known = lang != "en" and has_text(f"method_name.{row['id']}")
    name = text("format.colon", lang) + text(f"method_name.{row['id']}", lang) if known else ""
    return f"{row['id']} ({kind}){name}"


@methods_app.command("show")
def methods_show(
    card: Annotated[str, typer.Argument(help="An id from 'hotspots methods'.")],
) -> None:
    """Print a method card: formula, inputs, parameters, status of each number, limits."""
    from hotspots.edition.methods import cards

    put_block(cards.relinked(cards.card(card)), nl=False)
