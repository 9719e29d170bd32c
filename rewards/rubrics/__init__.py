"""Rubrics without a database: their content, checking, differences, and aggregation of verdicts into a score."""
