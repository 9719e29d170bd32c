"""Refusals of an action, shown in the form that asked for it."""

from django.forms import BaseForm

from projects.errors import AppError


def show_in_form(form: BaseForm, error: AppError) -> None:
    """Put the error beside the fields it names; what names no field of this form stands on top."""
    named = {name: messages for name, messages in error.fields.items() if name in form.fields}
    for name, messages in named.items():
        for message in messages:
            form.add_error(name, message)
    if not named:
        form.add_error(None, error.message)
