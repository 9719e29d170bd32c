"""Choosing the one output, or the one task, that a scorer is tried on."""

from typing import Any

from django import forms

from workers.selection import OutputSelection


class TrialForm(forms.Form):
    """An external id; of a task where the scorer's source reads a task's outputs together."""

    chosen = forms.CharField(max_length=200)

    def __init__(self, *args: Any, reads_group: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reads_group = reads_group
        self.fields["chosen"].label = "Task" if reads_group else "Output"

    def selection(self) -> OutputSelection:
        """The item meant, once the form is valid."""
        chosen = (self.cleaned_data["chosen"],)
        return OutputSelection(task_ids=chosen) if self.reads_group else OutputSelection(output_ids=chosen)
