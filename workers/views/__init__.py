"""Pages of the workers app, one file a noun."""
