"""The projects app over HTTP for programs."""
