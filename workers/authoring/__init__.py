"""Rubrics that a model writes or refines: prompts, replies and the loops. `work` alone knows the database."""
