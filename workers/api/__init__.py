"""The workers app over HTTP for programs."""
