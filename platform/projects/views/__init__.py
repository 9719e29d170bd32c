"""Pages of the projects app, one file per noun."""
