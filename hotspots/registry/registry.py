"""A registry as notebooks, the command line and the web service see it."""

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
from hotspots.registry.schema.problems import Problem, told
from hotspots.registry.schema.values import personal_in

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

    from hotspots.geo.regions import Region


class RefusedError(RegistryError):
    """Rows of a file are refused, so nothing was taken; `plan` says what would become of each."""

    def __init__(self, told: str, plan: Plan) -> None:
        super().__init__(told)
        self.plan = plan


class Registry:
    """Records of who does what and where, as they stand.

    Absence from it means "not recorded here", never "nobody there".

    Attributes
    ----------
    engine : sqlalchemy.Engine
        The database.
    source : str
        Where it is, without a password.
    actor : Actor
        Who acts through it.
    read_only : bool
        Whether it was read from files, so that nothing can be written.
    unmade : bool
        Of the constructor: the database holds no registry yet. What is first written makes it, in
        one transaction; until then it is read as an empty one.
    files : tuple of Path
        The file or folder of records that it was read from; none of a database.
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
        """Give a connection that sees one state of the registry."""
        with reads(self._empty or self.engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Give a connection that writes all or nothing."""
        if self.read_only:
            raise RegistryError(
                f"'{self.source}' is read from files and can't be written. Import it into a"
                " registry: 'hotspots registry import FILE'."
            )
        with (schema.making if self._empty else writes)(self.engine) as connection:
            yield connection
        self._empty = None

    @property
    def records(self) -> gpd.GeoDataFrame:
        """One row per record: see `hotspots.registry.public_view.table`; nothing personal in it."""
        with self.reading() as connection:
            state = reading.state(connection)
            if self._table is None or self._table[0] != state:
                self._table = (state, table(reading.everything(connection)))
        return self._table[1].copy()

    def state(self) -> tuple[object, ...]:
        """Return what is the same as long as `records` are: see `store.reading.state`."""
        with self.reading() as connection:
            return reading.state(connection)

    @property
    def surveys(self) -> pd.DataFrame:
        """What correspondents declare of their regions: region, level, on (a day), by, note."""
        import pandas as pd

        with self.reading() as connection:
            rows = connection.execute(sa.select(survey).order_by(survey.c.region)).mappings().all()
        table = pd.DataFrame([dict(row) for row in rows], columns=[c.name for c in survey.columns])
        return table.rename(columns={"day": "on"})

    @property
    def without_position(self) -> int:
        """How many records have no place, and so can't be drawn on a map."""
        return int(self.records.geometry.isna().sum())

    def get(self, id: str, *, private: bool = False) -> dict[str, Any]:
        """Return one record; a former id gives the record that it was merged into.

        Parameters
        ----------
        id : str
            Of the record.
        private : bool
            Ask for personal fields too; they come only to one who keeps the record.

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
        """Return public records, in the order of entry, a page at a time.

        Parameters
        ----------
        text : str, optional
            A part of a name or id.
        box : tuple, optional
            (W, S, E, N) in degrees; W > E crosses the antimeridian. Records drawn in it, stand-in
            points too.
        region : str, optional
            A country or a region of the initiative: records that sit there or work there.
        theme, type : str, optional
            Codes of the vocabulary, or their labels in a language.
        stale_before : str, optional
            A day; records that nobody has verified since.
        limit, after : int, str
            Most records, and the id after which the page begins.
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
        """Return the records that sit in a country (ISO 3166-1 alpha-3)."""
        records = self.records
        return records[records["country"] == iso3.upper()]

    def within(self, area: Region | BaseGeometry) -> gpd.GeoDataFrame:
        """Return the records of an area: see `hotspots.registry.search.within`."""
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
        """Return what rows would change; nothing is written (see `take`)."""
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
        """Take rows in, all or none.

        Parameters
        ----------
        rows, problems, spoiled
            As `hotspots.registry.formats.read.read_file` gives them.
        skip_bad : bool
            Take the good rows where others are refused; without, one bad row keeps all out.
        overwrite : bool
            Let rows without a version change what somebody else has changed last.
        origin, note : str
            Name of the file, for the log; a word for the history of each record.

        Raises
        ------
        RefusedError
            Rows are refused; one sentence each.
        """
        now = clock.now()
        if self._empty:  # no file is made for rows that are refused
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
                told_of = "a file" if personal_in(origin) else origin
                log(connection, self.actor, now, "import", told_of, counts)
        return made

    @staticmethod
    def _require_good(made: Plan, skip_bad: bool, origin: str) -> None:
        if made.problems and not skip_bad:
            what = f"'{origin}' has " if origin else ""
            raise RefusedError(f"{what}{told(made.problems)}\nNothing was taken.", made)

    def change(
        self, id: str, changes: Mapping[str, Any], *, version: int | None = None
    ) -> dict[str, Any]:
        """Change fields of one record; None takes a value out.

        Parameters
        ----------
        id : str
            Of the record.
        changes : mapping
            Values, or text cells, by field name.
        version : int, optional
            The version that was seen. If the record has changed since in the same fields, nothing
            is written.

        Raises
        ------
        ConflictError
            Somebody else changed the same fields meanwhile.
        RegistryError
            No such record, or a value that can't be taken.
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
        """Take a record out; its history stays.

        Raises
        ------
        RegistryError
            No such record, or others name it in a relation.
        """
        from hotspots.registry.database.changes import Change

        if not note or personal_in(note):
            raise BadInputError(
                "A removal needs a reason, for the history, without anybody's address. Say why."
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
    """Return an empty registry of this process alone."""
    engine = engine_for(":memory:")
    schema.create(engine)
    return engine
