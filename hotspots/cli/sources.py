"""The commands on the catalogue of public sources: list, show, for a region."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

import hotspots as hs
from hotspots.cli.options import REGION
from hotspots.cli.output import Json, put, put_block, put_json, report, say
from hotspots.locale import byte_text, check_language, percent, text
from hotspots.locale.escaping import markdown_plain

if TYPE_CHECKING:
    from hotspots.edition.region_sources import Download, Offer
    from hotspots.ingest.access.verify import Finding

sources_app = typer.Typer(help="The catalogue of public sources.", invoke_without_command=True)
_WIDTH = 96
Lang = Annotated[str, typer.Option("--lang", help="Language of the answer: en, fr or es.")]


@sources_app.callback()
def sources(context: typer.Context, as_json: Json = False) -> None:
    """List the public sources: content, licence, certainty; 'show' prints a card."""
    if context.invoked_subcommand is not None:
        return
    from hotspots.ingest.sources.cards import rows

    if as_json:
        put_json(rows())
        return
    for row in rows():
        parts = (row["cell"], row["years"], row["licence"], row["sure"])
        put(f"{row['name']}: {row['title']}")
        put(f"  {'; '.join(filter(None, parts))}")
        if row["variables"]:
            put_block(textwrap.fill(f"  {row['variables']}", 90, subsequent_indent="  "))


@sources_app.command("show")
def sources_show(
    name: Annotated[str, typer.Argument(help="A name from 'hotspots sources'.")],
) -> None:
    """Print a source's card: products, units, addresses, licence, unconfirmed statements."""
    from hotspots.config import cache_dir
    from hotspots.ingest.access.verify import last_result
    from hotspots.ingest.sources.cards import card

    put_block(markdown_plain(card(name)), nl=False)
    last = last_result(name, cache_dir())
    if last:
        count = f"{last['addresses']} address{'' if last['addresses'] == 1 else 'es'}"
        put("")
        put(f"Verified on {last['date'][:10]} against the server ({count}): {last['state']}.")


@sources_app.command("verify")
def sources_verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names from 'hotspots sources'; all by default.")
    ] = None,
    region: Annotated[
        str, typer.Option(help=f"Where to look: {REGION}; by default farmland in Kenya.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Compare sources with their publishers' servers, by a few small requests each.

    Exit code 1 if something differs or isn't reached. The result is kept with its date, and shown
    by 'sources show'.
    """
    from hotspots.config import cache_dir
    from hotspots.ingest.access.verify import STATES, box_in, keep, verify
    from hotspots.ingest.sources.catalogue import source, sources

    bounds = hs.region(region).geometry.bounds if region else None
    chosen = [source(name) for name in names or sources()]
    rows: list[Finding] = []
    for one in chosen:
        say(f"{one.name}: asking its publisher")
        found = verify(one, box_in(one, bounds))
        keep(one, found, cache_dir())
        rows += found
        if not as_json:
            _print_findings(found)
    if as_json:
        put_json([asdict(row) for row in rows])
    counts = {state: sum(row.state == state for row in rows) for state in STATES}
    report("; ".join(f"{count} {state}" for state, count in counts.items() if count) + ".")
    if counts["differs"] or counts["unreachable"]:
        raise typer.Exit(1)


def _print_findings(found: Sequence[Finding]) -> None:
    """Print each address with its properties: same in one line, others with both values."""
    # Accesses may share an address: members of one archive.
    for access, address in dict.fromkeys((row.access, row.address) for row in found):
        rows = [row for row in found if (row.access, row.address) == (access, address)]
        put(f"{rows[0].source}/{rows[0].product} ({access}): {address}")
        same = [row.what for row in rows if row.state == "same"]
        if same:
            put(f"  same: {', '.join(same)}")
        for row in rows:
            if row.state != "same":
                both = f"{row.catalogue} in the catalogue, {row.found} there"
                put(f"  {row.state}: {row.what}: {both if row.catalogue else row.found}")


@sources_app.command("for")
def sources_for(
    region: Annotated[str, typer.Argument(help=f"A region: {REGION}.")],
    resolution: Annotated[
        str, typer.Option(help="Cell size of the layers to make: 1km, 250m, 30s, 0.5 (degrees).")
    ] = "",
    lang: Lang = "en",
    as_json: Json = False,
) -> None:
    """List the sources with data in a region: size, licence, what each makes possible, command."""
    from hotspots.edition.region_sources import offers
    from hotspots.ingest.layer_requests import requested_cell
    from hotspots.ingest.sources.cards import angle_text

    check_language(lang)
    place = hs.region(region)
    found = offers(place, resolution or None)
    if as_json:
        put_json([_offer_row(offer) for offer in found])
        return
    cell = angle_text(requested_cell(place, resolution or None))
    put(text("sources.region", lang, place=place.name(lang), id=place.id, cell=cell))
    put(text("sources.sizes" if found else "sources.none", lang))
    for number, offer in enumerate(found):
        if not offer.methods and (number == 0 or found[number - 1].methods):
            put("")
            put(text("sources.without", lang))
        put_block("")
        _print_offer(offer, lang)


def _print_offer(offer: Offer, lang: str) -> None:
    put(f"{offer.source.name}: {offer.source.title}")
    parts = [_licence(offer, lang)]
    if offer.covers < 0.995:
        parts.append(text("sources.covers", lang, share=percent(offer.covers, lang)))
    _print_wrapped("; ".join(parts))
    for download in offer.downloads:
        _print_wrapped(_facts(download, lang))
        _print_wrapped(text("sources.layers", lang, names=", ".join(download.layers)))
        if download.methods:
            names = ", ".join(text(f"method_name.{name}", lang) for name in download.methods)
            _print_wrapped(text("sources.methods", lang, names=names))
        put_block(f"    {download.command}")


def _print_wrapped(line: str) -> None:
    put_block(textwrap.fill(line, _WIDTH, initial_indent="  ", subsequent_indent="    "))


def _licence(offer: Offer, lang: str) -> str:
    from hotspots.store.licences import licence

    found = licence(offer.source.licence)
    terms = ", ".join(text(f"terms.{term}", lang) for term in found.terms or ("none",))
    return f"{found.title} ({terms})"


def _facts(download: Download, lang: str) -> str:
    """Return cell, depths, years, size and token of a download in one line."""
    from hotspots.ingest.layer_requests import has_token
    from hotspots.ingest.sources.cards import cell_text, years_text

    access = download.access
    parts = []
    if access.cell:
        parts.append(text("sources.cell", lang, cell=cell_text(access)))
    if download.depths:
        parts.append(text("sources.depths", lang, depths=", ".join(download.depths)))
    if download.years:
        parts.append(years_text(download.years))
    if download.size is None:
        parts.append(text("sources.size_unknown", lang))
    else:
        parts.append(text("sources.size", lang, size=byte_text(download.size, lang)))
    if access.token:
        key = "sources.token_set" if has_token(access) else "sources.token"
        parts.append(text(key, lang, name=access.token))
    return "; ".join(parts)


def _offer_row(offer: Offer) -> dict[str, Any]:
    """Return an offer as JSON: sizes in bytes at most, cells in units of the CRS."""
    from hotspots.ingest.layer_requests import has_token

    source = offer.source
    return {
        "source": source.name,
        "title": source.title,
        "licence": source.licence,
        "citation": source.citation,
        "covers": round(offer.covers, 4),
        "downloads": [
            {
                "layers": list(one.layers),
                "access": one.access.name,
                "cell": one.access.cell,
                "crs": one.access.crs,
                "years": list(one.years),
                "depths_cm": list(one.depths),
                "bytes_at_most": one.size,
                "token": one.access.token,
                "token_set": bool(one.access.token) and has_token(one.access),
                "methods": list(one.methods),
                "command": one.command,
            }
            for one in offer.downloads
        ],
    }
