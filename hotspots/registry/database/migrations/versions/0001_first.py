"""The first schema: records and their codes, contacts, history, access, suggestions, surveys.

A migration stays as it was when it was published; what changes later is a migration of its own.
"""

import sqlalchemy as sa
from alembic import op

from hotspots.errors import RegistryError

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_REAL = ("latitude", "longitude", "surface_ha", "effect_size", "effect_low", "effect_high")
_WHOLE = ("surface_year", "effect_n")

# The fields of every record, and those of one type or more, in the order of the table.
_HEAD = (
    "id type name name_en name_fr name_es other_names summary theme country regions place latitude"
    " longitude footprint place_precision web start end"
)
_ORGANISATION = "activities interests college role languages ror logo"
_PROJECT = "call"
_ACTION = "method results_link data_doi team budget_band"
_PRACTICE = (
    "description basis results surface_ha surface_year land_use climate_zone practice_kind"
    " effect_size effect_low effect_high effect_n wocat_id"
)
_TAIL = "relations external_ids source source_kind language verified_on"
# What a GIS opens: one view a type. No personal field is in `record`; the owner may be a person.
_VIEWS = {
    "organisations": ("organisation", _ORGANISATION),
    "projects": ("project", f"{_PROJECT} land_use practice_kind"),
    "research_actions": ("research_action", f"{_ACTION} land_use practice_kind"),
    "practices": ("practice", _PRACTICE),
}


_PERSONAL = {
    "contact": ("contact_name", "contact_email", "contact_phone"),
    "suggestion": ("contact",),
}


def upgrade() -> None:
    """Make all tables in an empty database."""
    _records()
    _people()
    _history()
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE record_box USING rtree(id, west, east, south, north)")
    else:
        _geometry()


def _records() -> None:
    middle = " ".join((_ORGANISATION, _PROJECT, _ACTION, _PRACTICE))
    op.create_table(
        "record",
        _key("no"),
        *(_field(name) for name in f"{_HEAD} {middle} {_TAIL}".split()),
        sa.Column("owner", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        _text("created"),
        _text("changed"),
        _text("search_key", ""),
    )
    op.create_index("record_id", "record", ["id"], unique=True)
    op.create_index("record_country", "record", ["country", "no"])
    op.create_index("record_type", "record", ["type", "no"])
    op.create_index("record_verified", "record", ["verified_on", "no"])
    op.create_table(
        "record_code",
        sa.Column("field", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        _key("no", counts=False),
    )
    op.create_index("record_code_no", "record_code", ["no"])
    op.create_table(
        "record_part",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("no", sa.Integer, nullable=False),
    )
    op.create_index("record_part_no", "record_part", ["no"])
    op.create_table(
        "relation",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, primary_key=True),
        sa.Column("object", sa.Text, primary_key=True),
        sa.Column("start", sa.Text, primary_key=True, server_default=""),
        _text("end", ""),
    )
    op.create_index("relation_object", "relation", ["object"])


def _people() -> None:
    personal = ("contact_name", "contact_email", "contact_phone", "contact_consent")
    op.create_table(
        "contact", _key("no", counts=False), *(sa.Column(name, sa.Text) for name in personal)
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Text, primary_key=True),
        _text("holder"),
        _text("role"),
        _text("regions", ""),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        _text("created"),
        _text("expires", ""),
        _text("revoked", ""),
    )
    op.create_table(
        "suggestion",
        _key("no"),
        _text("at"),
        _text("by", ""),
        _text("id", ""),
        _text("cells"),
        _text("contact", ""),
        _text("state"),
        _text("decided_at", ""),
        _text("decided_by", ""),
        _text("reason", ""),
    )
    op.create_index("suggestion_state", "suggestion", ["state", "no"])


def _history() -> None:
    op.create_table(
        "version",
        _key("no"),
        _text("id"),
        sa.Column("version", sa.Integer, nullable=False),
        _text("at"),
        _text("by"),
        _text("action"),
        _text("note", ""),
        _text("snapshot"),
    )
    op.create_index("version_id", "version", ["id", "version"])
    op.create_table("alias", sa.Column("former", sa.Text, primary_key=True), _text("id"))
    op.create_index("alias_id", "alias", ["id"])
    op.create_table(
        "audit",
        _key("no"),
        *(_text(name) for name in ("at", "by", "action")),
        _text("target", ""),
        _text("detail", ""),
    )
    op.create_table(
        "survey",
        sa.Column("region", sa.Text, primary_key=True),
        *(_text(name) for name in ("level", "day", "by")),
        _text("note", ""),
    )


def _geometry() -> None:
    """Let PostGIS keep each record's geometry by itself, so that no writer can forget it."""
    _extension()
    op.execute(
        "ALTER TABLE record ADD COLUMN geometry geometry(Geometry, 4326) GENERATED ALWAYS AS ("
        "CASE WHEN footprint IS NOT NULL THEN ST_GeomFromText(footprint, 4326)"
        " WHEN latitude IS NOT NULL AND longitude IS NOT NULL"
        " THEN ST_SetSRID(ST_MakePoint(longitude, latitude), 4326) END) STORED"
    )
    op.execute("CREATE INDEX record_geometry ON record USING gist (geometry)")
    # The planner's statistics hold samples of values: of personal ones they may not.
    for table, columns in _PERSONAL.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")
    for view, (type_, own) in _VIEWS.items():
        names = f"no {_HEAD} {own} {_TAIL} version created changed geometry".split()
        shown = ", ".join(f'"{name}"' for name in names if name != "footprint")
        op.execute(f"CREATE VIEW {view} AS SELECT {shown} FROM record WHERE type = '{type_}'")


def _extension() -> None:
    try:
        op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    except sa.exc.DBAPIError as fault:
        code = getattr(fault.orig, "sqlstate", "")
        if code == "42501":  # insufficient privilege
            raise RegistryError(
                "This user may not add PostGIS to the database. Let an administrator run there:"
                " CREATE EXTENSION postgis;"
            ) from fault
        if code in ("0A000", "58P01"):  # the extension's files aren't there
            raise RegistryError(
                "The PostgreSQL server has no PostGIS. Install it there (on Debian and Ubuntu: the"
                " package postgresql-postgis)."
            ) from fault
        raise


def _field(name: str) -> sa.Column[object]:
    kind = sa.Double if name in _REAL else sa.Integer if name in _WHOLE else sa.Text
    return sa.Column(name, kind(), nullable=name not in ("id", "type", "name"))


def _key(name: str, *, counts: bool = True) -> sa.Column[object]:
    return sa.Column(name, _NUMBER, primary_key=True, autoincrement=counts)


def _text(name: str, default: str | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=False, server_default=default)
