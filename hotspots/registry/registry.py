"""The interface of a registry for notebooks, the command line and the web service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from hotspots.errors import BadInputError, ConflictError, RegistryError
from hotspots.io import clock
from hotspots.registry.database import migration, queries
from hotspots.registry.database.changes import apply
from hotspots.registry.database.connection import engine_for, reading, shown, writing
from hotspots.registry.database.tables import VersionRow, survey
from hotspots.registry.imports.import_rows import import_rows, require_importable
from hotspots.registry.imports.plan import (
    DEFAULT_CHOICES,
    GivenRows,
    ImportChoices,
    Plan,
    plan_import,
)
from hotspots.registry.permissions import LOCAL, Actor, may_keep
from hotspots.registry.public_view import public, table
from hotspots.registry.schema.addresses import personal_in
from hotspots.registry.schema.problems import Problem
from hotspots.registry.schema.records import Record, Rows, Values, version_of

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from hotspots.geo.regions import Region


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
    empty : sqlalchemy.Engine, optional
        Constructor argument: an empty registry, read until the first write if the database
        contains none yet (see `unmade_registry`).
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
        empty: sa.Engine | None = None,
        files: tuple[Path, ...] = (),
    ) -> None:
        self.engine = engine
        self.source = source or shown(engine)
        self.actor = actor
        self.read_only = read_only
        self._empty = empty
        self.files = files
        self._table: tuple[object, gpd.GeoDataFrame] | None = None

    def __len__(self) -> int:
        with self.reading() as connection:
            return queries.count(connection)

    def __repr__(self) -> str:
        return f"<Registry '{self.source}': {len(self)} records>"

    def acting(self, actor: Actor) -> Registry:
        """Return the same registry with another actor."""
        return Registry(
            self.engine,
            source=self.source,
            actor=actor,
            read_only=self.read_only,
            empty=self._empty,
            files=self.files,
        )

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a connection with a consistent snapshot of the registry."""
        with reading(self._empty or self.engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a connection for writing in a single transaction."""
        if self.read_only:
            raise RegistryError(
                f"'{self.source}' was read from files and can't be written. Import it into a"
                " registry: 'hotspots registry import FILE'."
            )
        with (migration.making if self._empty else writing)(self.engine) as connection:
            yield connection
        self._empty = None

    @property
    def is_unmade(self) -> bool:
        """Whether the database contains no registry yet, and the first write makes one."""
        return self._empty is not None

    @property
    def records(self) -> gpd.GeoDataFrame:
        """One row per record, without personal data: see `hotspots.registry.public_view.table`."""
        with self.reading() as connection:
            state = queries.state(connection)
            if self._table is None or self._table[0] != state:
                self._table = (state, table(queries.everything(connection)))
        # A copy, since callers may change it.
        return self._table[1].copy()

    def state(self) -> tuple[object, ...]:
        """Return a key that is unchanged while `records` is: see `database.queries.state`."""
        with self.reading() as connection:
            return queries.state(connection)

    @property
    def surveys(self) -> pd.DataFrame:
        """Surveys declared by correspondents: region, level, on (a date), by, note."""
        import pandas as pd

        with self.reading() as connection:
            rows = connection.execute(sa.select(survey).order_by(survey.c.region)).mappings().all()
        table = pd.DataFrame([dict(row) for row in rows], columns=[c.name for c in survey.columns])
        return table.rename(columns={"day": "on"})

    def completeness(self, region: object = None) -> pd.DataFrame:
        """Return how complete the records are, a row for each country: the numbers of `gaps`.

        Parameters
        ----------
        region : optional
            Only the countries of this region; as for `hotspots.region`.

        Returns
        -------
        DataFrame
            Columns as in ``hotspots.registry.completeness.COLUMNS``; see there.
        """
        from hotspots.registry.completeness import countries_in, registry_completeness

        table = registry_completeness(self, today=clock.today())
        return table if region is None else table[table.index.isin(countries_in(region))]

    @property
    def without_position(self) -> int:
        """Number of records without a geometry, which can't be mapped."""
        return int(self.records.geometry.isna().sum())

    def get(self, id: str, *, private: bool = False) -> Values:
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
            id = queries.current_ids(connection, [id]).get(id, id)
            found = queries.fetch(connection, [id]).get(id)
        if found is None:
            raise queries.unknown_id(id)
        return found if private and may_keep(self.actor, found) else public(found)

    def history(self, id: str) -> list[VersionRow]:
        """Return the versions of a record, oldest first, with those of records merged into it."""
        with self.reading() as connection:
            id = queries.current_ids(connection, [id]).get(id, id)
            found = queries.history(connection, [id, *queries.former_ids(connection, id)])
        if not found:
            raise queries.unknown_id(id)
        return found

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
    ) -> list[Values]:
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
        from hotspots.registry.search import RecordQuery, find

        query = RecordQuery(text, box, region, theme, type, stale_before, limit, after)
        with self.reading() as connection:
            return [public(record) for record in find(connection, query)]

    def in_country(self, iso3: str) -> gpd.GeoDataFrame:
        """Return the records with their seat in a country, by its code or name.

        Raises
        ------
        UnknownRegionError
            No country has this code or name; the message lists near matches.
        """
        from hotspots.geo.regions import region

        place, records = region(iso3, files=False), self.records
        return records[records["country"] == place.id]

    def within(self, area: Region | BaseGeometry) -> gpd.GeoDataFrame:
        """Return the records within an area: see `hotspots.registry.search.within`."""
        from hotspots.registry.search import within

        return within(self.records, area)

    def plan_import(
        self,
        rows: Rows,
        problems: Sequence[Problem] = (),
        *,
        spoiled: Rows = (),
        choices: ImportChoices = DEFAULT_CHOICES,
    ) -> Plan:
        """Return the changes that an import of rows would make, without writing.

        Parameters
        ----------
        rows, problems, spoiled, choices
            See `import_rows`.
        """
        given = GivenRows(rows, problems, spoiled)
        with self.reading() as connection:
            return plan_import(connection, given, self.actor, clock.now(), choices)

    def import_rows(
        self,
        rows: Rows,
        problems: Sequence[Problem] = (),
        *,
        spoiled: Rows = (),
        choices: ImportChoices = DEFAULT_CHOICES,
    ) -> Plan:
        """Import records in a single transaction.

        Parameters
        ----------
        rows : iterable of (int, mapping of str to str)
            Row number, and text cells by field name. Fields that are absent are not changed; an
            empty cell deletes the value.
        problems : sequence of Problem
            Problems of rows that could not be parsed.
        spoiled : iterable of (int, mapping of str to str)
            Those of these rows whose other cells can be checked, to report all problems at once.
        choices : ImportChoices
            Whether refused rows are skipped, and rows without a version overwrite the edits of
            others; name of the file, and note for the history.

        Raises
        ------
        RefusedError
            Rows were refused; the message has one sentence for each.
        """
        given = GivenRows(rows, problems, spoiled)
        if self._empty:  # no file is created for rows that are refused
            plan = self.plan_import(rows, problems, spoiled=spoiled, choices=choices)
            require_importable(plan, choices)
        with self.writing() as connection:
            return import_rows(connection, given, self.actor, clock.now(), choices)

    def change(self, id: str, changes: Record, *, version: int | None = None) -> Values:
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

        seen = version or version_of(self.get(id))
        cells = {name: values.write(value) for name, value in changes.items()}
        cells |= {"id": id, "version": str(seen)}
        try:
            self.import_rows([(0, cells)])
        except RegistryError as fault:
            # A conflict is one problem of an import among others, known by its message.
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
            found = queries.fetch(connection, [id]).get(id)
            if found is None:
                raise queries.unknown_id(id)
            if naming := queries.related_to(connection, id):
                raise RegistryError(
                    f"'{id}' is named in a relation of {', '.join(naming[:5])}. Change these first."
                )
            apply(connection, [Change("removed", found, None, note)], self.actor, clock.now())


def unmade_registry(engine: sa.Engine) -> Registry:
    """Return a registry that the first write creates, in the same transaction.

    Until then it is read as an empty registry, and no file is made.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        A database that contains no registry.
    """
    empty = engine_for(":memory:")
    migration.create(empty)
    return Registry(engine, empty=empty)
