"""The first import into a registry, together with the records of the packaged sample."""

from __future__ import annotations

from dataclasses import replace

from hotspots.config import data_dir
from hotspots.errors import RegistryError
from hotspots.io import clock
from hotspots.registry.formats.read import read_file
from hotspots.registry.imports.import_files import ImportResult, ReadRecords, import_records
from hotspots.registry.imports.import_rows import import_rows
from hotspots.registry.imports.plan import GivenRows, ImportChoices
from hotspots.registry.open import place_of, record_files, sample_registry
from hotspots.registry.registry import Registry

_NOTE = "packaged sample"


def sample_for(registry: Registry) -> Registry:
    """Return the packaged sample, on which the first import into a registry is planned.

    Raises
    ------
    RegistryError
        The registry has records already, which the sample would be mixed with.
    """
    if count := len(registry):
        raise RegistryError(
            f"The registry {place_of(registry)} has {count:,} records already; the sample's can be"
            " kept in a registry's first import only. Leave out --keep-sample."
        )
    return sample_registry()


def import_after_sample(
    registry: Registry, records: ReadRecords, choices: ImportChoices, *, dry_run: bool = False
) -> ImportResult:
    """Import the sample's records and then those of a file, in one transaction; or only plan it.

    Parameters
    ----------
    registry : Registry
        Where they are imported: a registry without records.
    records : ReadRecords
        Result of `read_records` for the registry of `sample_for`.
    choices : ImportChoices
        How the file's rows are imported.
    dry_run : bool
        Write nothing.

    Returns
    -------
    ImportResult
        The outcome of the file's rows. If some are refused, the sample isn't imported either.
    """
    result = import_records(sample_for(registry), records, choices, dry_run=True)
    if dry_run or (result.plan.problems and not choices.skip_bad):
        return result
    table, now = records.table, clock.now()
    chosen = replace(choices, origin=table.name, note=records.note)
    tables = [read_file(path) for path in record_files(data_dir() / "registry")]
    # Numbered again, and in one plan, since relations may link the files.
    rows = list(enumerate(cells for sample in tables for _, cells in sample.rows))
    kept = ImportChoices(origin=_NOTE, note=_NOTE)
    with registry.writing() as connection:
        import_rows(connection, GivenRows(rows), registry.actor, now, kept)
        given = GivenRows(table.rows, table.problems, table.spoiled)
        plan = import_rows(connection, given, registry.actor, now, chosen)
    return ImportResult(plan, imported=True)
