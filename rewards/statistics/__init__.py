"""Statistics of judgments: agreement, proportions, rank correlation, and the consistency of two protocols."""
