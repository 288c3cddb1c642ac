"""The registry database, by SQLAlchemy Core: an SQLite file, or PostgreSQL with PostGIS."""
