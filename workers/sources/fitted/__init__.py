"""Sources whose weights were learnt here: a fit makes an artefact, a scorer names it."""
