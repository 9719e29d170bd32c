"""A database backend for the time when no database is configured."""
