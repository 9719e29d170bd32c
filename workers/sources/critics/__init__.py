"""Critics: models that read an output and say where it is good or bad, by quoting it."""
