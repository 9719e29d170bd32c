"""Writes the records that format readers yield: in chunks, by COPY, each chunk in one transaction.

Every write is idempotent by identity and content, so that an import which a killed worker left half done is simply run
again from its first row.
"""
