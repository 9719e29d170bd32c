"""What stops the stack from starting."""

from django.core.management.base import CommandError


class StackError(CommandError):
    """One line for the person who started it; manage.py prints it without a traceback."""
