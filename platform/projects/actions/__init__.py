"""Writes of the projects app: one file per noun, one function per verb."""
