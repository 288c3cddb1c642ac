"""Run the migrations on the connection and in the transaction provided by `migration.migrate`."""

from alembic import context

from hotspots.registry.database.migration import VERSION_TABLE
from hotspots.registry.database.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
