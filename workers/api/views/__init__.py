"""API views of the workers app, one file per noun."""
