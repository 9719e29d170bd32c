"""Everything that writes in the rewards app."""
