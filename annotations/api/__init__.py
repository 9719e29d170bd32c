"""The annotations app over HTTP for programs."""
