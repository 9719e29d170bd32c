"""Recipes: compositions of named rewards by operators, as data. Pure: `tree` reads one, `evaluate` computes it."""
