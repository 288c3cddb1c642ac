"""The public sources as data: one TOML file each, read, checked and described here."""
