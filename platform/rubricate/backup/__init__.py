"""Everything that a server holds as one file, and back: the database as pg_dump writes it, the storage, a manifest."""
