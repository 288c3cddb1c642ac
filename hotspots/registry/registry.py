"""The interface of a registry for notebooks, the command line and the web service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hotspots.errors import BadInputError, ConflictError, RegistryError
from hotspots.registry import clock
from hotspots.registry.database import queries as reading
from hotspots.registry.database import schema
from hotspots.registry.database.changes import apply, log
from hotspots.registry.database.connection import engine_for, shown
from hotspots.registry.database.connection import reading as reads
from hotspots.registry.database.connection import writing as writes
from hotspots.registry.database.tables import survey
from hotspots.registry.imports.plan import Plan, Rows, plan
from hotspots.registry.permissions import LOCAL, Actor, may_keep
from hotspots.registry.public_view import public, table
from hotspots.registry.schema.problems import Problem, problem_report
from hotspots.registry.schema.values import personal_in

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from hotspots.geo.regions import Region


class RefusedError(RegistryError):
    """An import was rejected because of refused rows; `plan` has the outcome of each row."""

    def __init__(self, message: str, plan: Plan) -> None:
        super().__init__(message)
        self.plan = plan


class Registry:
    """Records of organisations, projects, research actions and practices, in their current state.

    Absence of a record is not evidence of absence.

    Attributes
    ----------
    engine : sqlalchemy.Engine
        The database.
    source : str
        Path or URL, without a password.
    actor : Actor
        The actor of all operations.
    read_only : bool
        Whether it was read from files and can't be written.
    unmade : bool
        Constructor argument: the database contains no registry yet. The first write creates it in
        the same transaction; until then it is read as an empty registry.
    files : tuple of Path
        The file or folder of records it was read from; empty for a database.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        source: str = "",
        actor: Actor = LOCAL,
        read_only: bool = False,
        unmade: bool = False,
        files: tuple[Path, ...] = (),
    ) -> None:
        self.engine = engine
        self.source = source or shown(engine)
        self.actor = actor
        self.read_only = read_only
        self._empty = _in_memory() if unmade else None
        self.files = files
        self._table: tuple[object, gpd.GeoDataFrame] | None = None

    def __len__(self) -> int:
        with self.reading() as connection:
            return reading.count(connection)

    def __repr__(self) -> str:
        return f"<Registry '{self.source}': {len(self)} records>"

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection with a consistent snapshot of the registry."""
        with reads(self._empty or self.engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection for writing in a single transaction."""
        if self.read_only:
            raise RegistryError(
                f"'{self.source}' was read from files and can't be written. Import it into a"
                " registry: 'hotspots registry import FILE'."
            )
        with (schema.making if self._empty else writes)(self.engine) as connection:
            yield connection
        self._empty = None

    @property
    def records(self) -> gpd.GeoDataFrame:
        """One row per record, without personal data: see `hotspots.registry.public_view.table`."""
        with self.reading() as connection:
            state = reading.state(connection)
            if self._table is None or self._table[0] != state:
                self._table = (state, table(reading.everything(connection)))
        return self._table[1].copy()

    def state(self) -> tuple[object, ...]:
        """Return a key that is unchanged while `records` is: see `database.queries.state`."""
        with self.reading() as connection:
            return reading.state(connection)

    @property
    def surveys(self) -> pd.DataFrame:
        """Surveys declared by correspondents: region, level, on (a date), by, note."""
        import pandas as pd

        with self.reading() as connection:
            rows = connection.execute(sa.select(survey).order_by(survey.c.region)).mappings().all()
        table = pd.DataFrame([dict(row) for row in rows], columns=[c.name for c in survey.columns])
        return table.rename(columns={"day": "on"})

    @property
    def without_position(self) -> int:
        """Number of records without a geometry, which can't be mapped."""
        return int(self.records.geometry.isna().sum())

    def get(self, id: str, *, private: bool = False) -> dict[str, Any]:
        """Return one record; a former id returns the record that it was merged into.

        Parameters
        ----------
        id : str
            Record id.
        private : bool
            Include personal fields, if the actor may change the record.

        Raises
        ------
        RegistryError
            No record has this id.
        """
        with self.reading() as connection:
            id = reading.current_ids(connection, [id]).get(id, id)
            found = reading.fetch(connection, [id]).get(id)
        if found is None:
            raise RegistryError(
                f"No record has the id '{id}'. 'hotspots registry list' shows them."
            )
        return found if private and may_keep(self.actor, found) else public(found)

    def history(self, id: str) -> list[dict[str, Any]]:
        """Return the versions of a record, oldest first, with those of records merged into it."""
        with self.reading() as connection:
            id = reading.current_ids(connection, [id]).get(id, id)
            found = reading.history(connection, [id, *reading.former_ids(connection, id)])
        if not found:
            raise self._unknown(id)
        return found

    @staticmethod
    def _unknown(id: str) -> RegistryError:
        return RegistryError(f"No record has the id '{id}'. 'hotspots registry list' shows them.")

    def find(
        self,
        text: str | None = None,
        *,
        box: tuple[float, float, float, float] | None = None,
        region: str | None = None,
        theme: str | None = None,
        type: str | None = None,
        stale_before: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return one page of public records, in the order of entry.

        Parameters
        ----------
        text : str, optional
            Part of a name or id.
        box : tuple, optional
            (W, S, E, N) in degrees; W > E crosses the antimeridian. Records located in it,
            including those with representative points only.
        region : str, optional
            A country or a region of the initiative: records with their seat or activity there.
        theme, type : str, optional
            Codes of the vocabulary, or their labels in a language.
        stale_before : str, optional
            A date; records not verified since.
        limit, after : int, str
            Maximum number of records, and the id after which the page begins.
        """
        from hotspots.registry.search import find

        with self.reading() as connection:
            found = find(
                connection,
                box=box,
                region=region,
                theme=theme,
                type=type,
                text=text,
                stale_before=stale_before,
                limit=limit,
                after=after,
            )
        return [public(record) for record in found]

    def in_country(self, iso3: str) -> gpd.GeoDataFrame:
        """Return the records with their seat in a country (ISO 3166-1 alpha-3)."""
        records = self.records
        return records[records["country"] == iso3.upper()]

    def within(self, area: Region | BaseGeometry) -> gpd.GeoDataFrame:
        """Return the records within an area: see `hotspots.registry.search.within`."""
        from hotspots.registry.search import within

        return within(self.records, area)

    def plan(
        self,
        rows: Rows,
        problems: tuple[Problem, ...] = (),
        *,
        spoiled: Rows = (),
        overwrite: bool = False,
    ) -> Plan:
        """Return the changes that an import of rows would make, without writing (see `take`).

        Parameters
        ----------
        rows : iterable of (int, mapping of str to str)
            Row number, and text cells by field name. Fields that are absent are not changed; an
            empty cell deletes the value.
        problems : tuple of Problem
            Problems of rows that could not be parsed.
        spoiled : iterable of (int, mapping of str to str)
            Those of these rows whose other cells can be checked, to report all problems at once.
        overwrite : bool
            Allow rows without a version to change records last changed by another actor.
        """
        with self.reading() as connection:
            return plan(
                connection,
                rows,
                self.actor,
                clock.now(),
                problems,
                spoiled=spoiled,
                overwrite=overwrite,
            )

    def take(
        self,
        rows: Rows,
        problems: tuple[Problem, ...] = (),
        *,
        spoiled: Rows = (),
        skip_bad: bool = False,
        overwrite: bool = False,
        origin: str = "",
        note: str = "",
    ) -> Plan:
        """Import records in a single transaction.

        Parameters
        ----------
        rows, problems, spoiled
            Results of `hotspots.registry.formats.read.read_file`.
        skip_bad : bool
            Import the valid rows and skip refused ones; by default a refused row rejects the
            whole import.
        overwrite : bool
            Allow rows without a version to change records last changed by another actor.
        origin, note : str
            Name of the file, for the audit log; a note for the history of each record.

        Raises
        ------
        RefusedError
            Rows were refused; the message has one sentence for each.
        """
        now = clock.now()
        if self._empty:  # no file is created for rows that are refused
            self._require_good(self.plan(rows, problems, spoiled=spoiled), skip_bad, origin)
        with self.writing() as connection:
            made = plan(
                connection,
                rows,
                self.actor,
                now,
                problems,
                spoiled=spoiled,
                overwrite=overwrite,
                note=note,
            )
            self._require_good(made, skip_bad, origin)
            if made.changes:
                apply(connection, made.changes, self.actor, now)
                counts = ", ".join(f"{n} {outcome}" for outcome, n in made.counts.items() if n)
                target = "a file" if personal_in(origin) else origin
                log(connection, self.actor, now, "import", target, counts)
        return made

    @staticmethod
    def _require_good(made: Plan, skip_bad: bool, origin: str) -> None:
        if made.problems and not skip_bad:
            what = f"'{origin}' has " if origin else ""
            raise RefusedError(
                f"{what}{problem_report(made.problems)}\nNothing was imported.", made
            )

    def change(
        self, id: str, changes: Mapping[str, Any], *, version: int | None = None
    ) -> dict[str, Any]:
        """Change fields of one record; None deletes a value.

        Parameters
        ----------
        id : str
            Record id.
        changes : mapping
            Values, or text cells, by field name.
        version : int, optional
            The version that the changes are based on. If the same fields of the record have
            changed since, nothing is written.

        Raises
        ------
        ConflictError
            Another actor changed the same fields in the meantime.
        RegistryError
            Unknown record, or an invalid value.
        """
        from hotspots.registry.schema import values

        seen = version or self.get(id)["version"]
        cells = {name: values.write(value) for name, value in changes.items()}
        cells |= {"id": id, "version": str(seen)}
        try:
            self.take([(0, cells)])
        except RegistryError as fault:
            if "since your export" in str(fault):
                raise ConflictError(str(fault)) from fault
            raise
        return self.get(id)

    def remove(self, id: str, note: str) -> None:
        """Remove a record; its history is kept.

        Raises
        ------
        RegistryError
            Unknown record, or other records refer to it in a relation.
        """
        from hotspots.registry.database.changes import Change

        if not note or personal_in(note):
            raise BadInputError(
                "A removal requires a reason for the history, without personal addresses. Give one."
            )
        with self.writing() as connection:
            found = reading.fetch(connection, [id]).get(id)
            if found is None:
                raise self._unknown(id)
            if naming := reading.related_to(connection, id):
                raise RegistryError(
                    f"'{id}' is named in a relation of {', '.join(naming[:5])}. Change these first."
                )
            apply(connection, [Change("removed", found, None, note)], self.actor, clock.now())


def _in_memory() -> sa.Engine:
    """Return an empty in-memory registry."""
    engine = engine_for(":memory:")
    schema.create(engine)
    return engine
