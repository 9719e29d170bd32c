"""Everything that the workers app writes, one file a noun."""
