"""Pages of the rewards app."""
