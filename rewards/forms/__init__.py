"""What the pages of the rewards app accept."""
