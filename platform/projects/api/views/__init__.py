"""API views of the projects app, one file per noun."""
