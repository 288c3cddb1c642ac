"""The command `country`: a national edition from public sources."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import hotspots as hs
from hotspots.cli.options import Outlines
from hotspots.cli.output import Json, print_summary, progress_bar, put, put_json, report, say
from hotspots.cli.registry_access import opened
from hotspots.errors import BadInputError, EditionError
from hotspots.io.atomic import require_free
from hotspots.locale import byte_text, check_language, number, text

if TYPE_CHECKING:
    from hotspots.edition.country import Outcome
    from hotspots.edition.country_plan import Candidate, Step
    from hotspots.edition.edition import Edition
    from hotspots.geo.regions import Region

_ALTERNATIVES = 3


def add_to(app: typer.Typer) -> None:
    """Add the command of this module to the command line."""
    app.command("country")(country)


def country(
    context: typer.Context,
    country: Annotated[str, typer.Argument(help="A country: SEN, Senegal, Sénégal.")],
    resolution: Annotated[
        str, typer.Option(help="Cell size of the layers: 1km, 250m, 30s, 0.1 (degrees).")
    ] = "1km",
    out: Annotated[
        Path | None, typer.Option(help="New folder for the edition; by default its code: SEN.")
    ] = None,
    store: Annotated[
        str,
        typer.Option(
            help="Store of the layers: a folder or s3://…; by default HOTSPOTS_STORE, else"
            " SEN-layers."
        ),
    ] = "",
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe (TOML); by default the default recipe.")
    ] = None,
    memory: Annotated[
        float,
        typer.Option(help="GiB that the run may take; a large country gets larger cells.", min=0.1),
    ] = 2.0,
    outlines: Outlines = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan with its sizes; fetch nothing.")
    ] = False,
    lang: Annotated[str, typer.Option(help="Language of plan and map: en, fr or es.")] = "en",
    as_json: Json = False,
) -> None:
    """Make a national edition: choose sources, fetch them, complete from the sample, analyse, draw.

    Layers that the store has already, your own among them, are kept. A stopped run goes on where
    it was.
    """
    from hotspots.config import cache_dir, settings
    from hotspots.edition.country import fetch_roles, held_variables, with_stock
    from hotspots.edition.country_plan import country_plan
    from hotspots.edition.preflight import read_through
    from hotspots.geo.finer_outlines import using
    from hotspots.ingest.layer_requests import requested_cell
    from hotspots.ingest.store_outlines import chosen_outlines
    from hotspots.store import Store

    check_language(lang)
    home = store or settings().store or f"{_country(country).id}-layers"
    context.with_resource(using(chosen_outlines(outlines, home)))
    place = _country(country)
    out, layers = out or Path(place.id), Store(home)
    chosen = hs.Recipe() if recipe is None else hs.Recipe.from_file(recipe)
    cell = requested_cell(place, resolution)
    plan = country_plan(place, cell, held_variables(layers))
    if dry_run:
        _show_plan(plan, place, cell, lang, as_json)
        return
    _require_room(out)
    # Read before hours of downloads, so that a damaged registry is reported at once.
    recorded = read_through(opened(None))
    with progress_bar("fetching") as progress:
        outcomes = fetch_roles(
            plan,
            place,
            layers,
            resolution=resolution,
            cache=cache_dir(),
            say=say,
            progress=progress,
        )
    for outcome in outcomes:
        report(_outcome_line(outcome, lang))
    with_stock(layers, say)
    edition = _edition(out, home, place, chosen, memory, recorded, lang)
    if as_json:
        put_json(
            {"edition": edition.id, "folder": str(out), "roles": [*map(_outcome_row, outcomes)]}
        )
    else:
        print_summary(edition, out, lang)


def _country(given: str) -> Region:
    place = hs.region(given)
    if place.kind != "country":
        raise BadInputError(
            f"'{given}' isn't a country. Give one, as a code or a name: SEN, Senegal. For other"
            " regions: 'hotspots ingest', then 'hotspots analyze'."
        )
    return place


def _require_room(out: Path) -> None:
    """Raise if `out` holds anything but a finished edition, which may be that of this request."""
    from hotspots.edition.edition import MANIFEST

    if not os.path.isfile(out / MANIFEST):
        require_free(out)


def _edition(
    out: Path,
    home: str,
    place: Region,
    recipe: hs.Recipe,
    memory: float,
    recorded: Any,
    lang: str,
) -> Edition:
    """Return the edition in `out`, made now unless it is there already."""
    from hotspots.cli.making import edition_with_map
    from hotspots.edition.analyze import identify
    from hotspots.edition.country import country_data
    from hotspots.edition.edition import MANIFEST
    from hotspots.ingest.add_to_store import grid_of_store
    from hotspots.ingest.sources.cards import angle_text
    from hotspots.layers.grid import grid_of
    from hotspots.store import Store

    data = country_data(home, place, recipe, memory)
    cell, analysed = grid_of_store(Store(home)), grid_of(data).transform.a
    if cell is not None and analysed > cell.transform.a * 1.5:
        words = {"cell": angle_text(cell.transform.a), "coarse": angle_text(analysed)}
        report(text("country.coarser", lang, memory=number(memory, lang), **words))
    if not os.path.isfile(out / MANIFEST):
        return edition_with_map(out, data, recipe, "countries", recorded=recorded, lang=lang)
    former: Edition = hs.open_edition(out)
    if former.id != identify(data, recipe):
        raise EditionError(
            f"'{out}' holds the edition {former.id}, made of other layers or by another recipe, so"
            " it is not replaced. Give another --out, or remove the folder."
        )
    say(f"the edition {former.id} is there already")
    return former


# ---------------------------------------------------------------------------------------- the plan


def _show_plan(plan: Sequence[Step], place: Region, cell: float, lang: str, as_json: bool) -> None:
    from hotspots.ingest.sources.cards import angle_text

    if as_json:
        put_json([_step_row(step) for step in plan])
        return
    put(text("country.heading", lang, place=place.name(lang), id=place.id, cell=angle_text(cell)))
    for step in plan:
        put(text(f"country.{step.role.id}", lang))
        for line in _step_lines(step, lang):
            put(f"  {line}")
    put(_total(plan, lang))


def _step_lines(step: Step, lang: str) -> list[str]:
    if step.held:
        return [text("country.held", lang, names=", ".join(step.held))]
    lines = []
    if step.candidates:
        first, *others = step.candidates
        lines += [_candidate_line(first, lang), ", ".join(first.layers)]
        if others:
            names = ", ".join(one.source.name for one in others[:_ALTERNATIVES])
            lines.append(text("country.otherwise", lang, names=names))
    if step.role.is_lent:
        lent = text("country.lent", lang)
        lines.append(text("country.finally", lang, what=lent) if lines else lent)
    return lines or [text("country.left_out", lang)]


def _candidate_line(candidate: Candidate, lang: str) -> str:
    from hotspots.ingest.sources.cards import cell_text
    from hotspots.store.licences import licence

    parts = [
        candidate.source.name,
        text("sources.cell", lang, cell=cell_text(candidate.access)),
        text("sources.size_unknown", lang)
        if candidate.size is None
        else text("sources.size", lang, size=byte_text(candidate.size, lang)),
        licence(candidate.source.licence).title,
    ]
    return "; ".join(parts)


def _total(plan: Sequence[Step], lang: str) -> str:
    sizes = [step.candidates[0].size for step in plan if step.candidates]
    known = byte_text(sum(size or 0 for size in sizes), lang)
    return text("country.total_unknown" if None in sizes else "country.total", lang, size=known)


def _step_row(step: Step) -> dict[str, Any]:
    return {
        "role": step.role.id,
        "held": list(step.held),
        "candidates": [
            {
                "source": one.source.name,
                "request": one.word,
                "layers": list(one.layers),
                "access": one.access.name,
                "licence": one.source.licence,
                "bytes_at_most": one.size,
            }
            for one in step.candidates
        ],
        "packaged_sample": step.role.is_lent,
    }


# ------------------------------------------------------------------------------------- the outcome


def _outcome_line(outcome: Outcome, lang: str) -> str:
    role = text(f"country.{outcome.role.id}", lang)
    if outcome.taken is not None:
        return text("country.taken", lang, role=role, source=outcome.taken.source.name)
    if outcome.held:
        held = text("country.held", lang, names=", ".join(outcome.held))
    else:
        held = text("country.lent" if outcome.role.is_lent else "country.left_out", lang)
    return text("country.taken", lang, role=role, source=held)


def _outcome_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "role": outcome.role.id,
        "source": outcome.taken.source.name if outcome.taken else None,
        "held": list(outcome.held),
        "failures": [{"source": name, "reason": reason} for name, reason in outcome.failures],
    }
