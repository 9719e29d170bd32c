"""Reading what a recipe starts from out of a project; `rewards.recipe_frames` is the door."""
