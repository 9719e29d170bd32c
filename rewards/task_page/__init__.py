"""What the page of one task shows, assembled from few queries into plain rows for the template."""
