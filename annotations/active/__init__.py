"""What to ask next in a live campaign: its pending items are ranked anew by what has been answered so far."""
