"""Data formats of the outside world: one file a format, reader and writer together, found through `registry`.

Readers yield the records of `records` and say what is wrong row by row; nothing here knows the database.
"""
