"""Template tags of the rewards app."""
