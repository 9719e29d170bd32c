"""Reward sources: one file per method, all of one shape, listed in one registry."""
