"""How the demo project's outputs were made."""
