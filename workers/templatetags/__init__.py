"""Template tags of the workers app."""
