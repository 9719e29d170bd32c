"""Raters whose answers somebody settled on from those of others: they count once, and never beside them."""

from typing import Final

PREFIX: Final = "adjudicated-"
"""Starts the pseudonym of such a rater; the number of a campaign follows."""

MARK: Final = "adjudication"
"""The entry of a judgment's `presentation` that says from which settled answer it comes."""
