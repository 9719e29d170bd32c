"""The rewards app over HTTP for programs."""
