"""The database of a registry: SQLite in a file, or PostgreSQL with PostGIS, by SQLAlchemy Core."""
