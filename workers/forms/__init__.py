"""Forms of the workers app's pages."""
