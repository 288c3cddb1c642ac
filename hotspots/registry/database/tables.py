"""The tables of a registry, created by `migrations/`; a test verifies that both are equal.

``record`` has one column per field, so that GIS and spreadsheet programs can read it directly.
Personal fields are stored only in ``contact`` and never in the history, so that they can be erased.
"""

from __future__ import annotations

from typing import TypedDict

import sqlalchemy as sa

from hotspots.registry.schema.fields import Field, fields, names


class VersionRow(TypedDict):
    """A row of ``version``: one version of a record; times are UTC."""

    no: int
    id: str
    version: int
    at: str
    by: str
    action: str
    note: str
    snapshot: str


class TokenRow(TypedDict):
    """A row of ``token``; regions are joined by ";", a time that isn't set is ""."""

    id: str
    holder: str
    role: str
    regions: str
    digest: str
    created: str
    expires: str
    revoked: str


metadata = sa.MetaData()
# 64-bit integers in PostgreSQL; in SQLite only INTEGER can be the row id.
_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# List fields with indexed codes; `country` is a column with its own index.
CODED = ("theme", "regions", "land_use", "climate_zone", "practice_kind", "external_ids")


def _column(field: Field) -> sa.Column[object]:
    numeric = {"number": sa.Double, "whole": sa.Integer}.get(field.kind)
    needed = field.name in ("id", "type", "name", "version", "created", "changed")
    return sa.Column(field.name, numeric() if numeric else sa.Text(), nullable=not needed)


record = sa.Table(
    "record",
    metadata,
    sa.Column("no", _Number, primary_key=True, autoincrement=True),
    *(_column(fields()[name]) for name in (*names("content"), *names("system"))),
    # All names without case and accents, for identical results in both databases.
    sa.Column("search_key", sa.Text, nullable=False, server_default=""),
    sa.Index("record_id", "id", unique=True),
    sa.Index("record_country", "country", "no"),
    sa.Index("record_type", "type", "no"),
    sa.Index("record_verified", "verified_on", "no"),
)

record_code = sa.Table(
    "record_code",
    metadata,
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("no", _Number, primary_key=True, autoincrement=False),
    sa.Index("record_code_no", "no"),
)

# Bounding boxes, one per part, so that geometries across the antimeridian have no global box.
# SQLite only, with the R*Tree `record_box`; PostGIS has an index on the geometry itself.
record_part = sa.Table(
    "record_part",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("no", sa.Integer, nullable=False),
    sa.Index("record_part_no", "no"),
)

relation = sa.Table(
    "relation",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("object", sa.Text, primary_key=True),
    sa.Column("start", sa.Text, primary_key=True, server_default=""),
    sa.Column("end", sa.Text, nullable=False, server_default=""),
    sa.Index("relation_object", "object"),
)

contact = sa.Table(
    "contact",
    metadata,
    sa.Column("no", _Number, primary_key=True, autoincrement=False),
    *(sa.Column(name, sa.Text) for name in names("contact")),
)

version = sa.Table(
    "version",
    metadata,
    sa.Column("no", _Number, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
    # The content fields after the change, as JSON text; "" for a removal.
    sa.Column("snapshot", sa.Text, nullable=False),
    sa.Index("version_id", "id", "version"),
)

# The former id of a merged record, and the id of the record that replaces it.
alias = sa.Table(
    "alias",
    metadata,
    sa.Column("former", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Index("alias_id", "id"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("no", _Number, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False, server_default=""),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
)

token = sa.Table(
    "token",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("regions", sa.Text, nullable=False, server_default=""),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("expires", sa.Text, nullable=False, server_default=""),
    sa.Column("revoked", sa.Text, nullable=False, server_default=""),
)

suggestion = sa.Table(
    "suggestion",
    metadata,
    sa.Column("no", _Number, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False, server_default=""),
    sa.Column("id", sa.Text, nullable=False, server_default=""),
    # Cells by field name, as JSON text; personal ones separately, so that they can be erased.
    sa.Column("cells", sa.Text, nullable=False),
    sa.Column("contact", sa.Text, nullable=False, server_default=""),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("decided_at", sa.Text, nullable=False, server_default=""),
    sa.Column("decided_by", sa.Text, nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Index("suggestion_state", "state", "no"),
)

# Surveys of regions declared by correspondents.
survey = sa.Table(
    "survey",
    metadata,
    sa.Column("region", sa.Text, primary_key=True),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False, server_default=""),
)
