"""The composer: a recipe as a form, edited step by step, and what it makes of real outputs."""
