"""Which rubrics and versions a reader wants to see."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from rewards.querysets.rubric import RubricQuerySet


class RubricListForm(forms.Form):
    """Filters of the rubric list; what is not valid is left out."""

    of = forms.ChoiceField(required=False, choices=[("project", _("Of the project")), ("tasks", _("Of single tasks"))])
    q = forms.CharField(required=False, max_length=200)
    archived = forms.BooleanField(required=False)

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.is_valid()

    @property
    def of_tasks(self) -> bool:
        return self.cleaned_data.get("of") == "tasks"

    @property
    def ordering(self) -> str:
        return "task_external_id" if self.of_tasks else "name"

    @property
    def search(self) -> str:
        return str(self.cleaned_data.get("q", ""))

    def narrow(self, rubrics: RubricQuerySet) -> RubricQuerySet:
        chosen = rubrics.of_tasks() if self.of_tasks else rubrics.shared()
        return (chosen if self.cleaned_data.get("archived") else chosen.active()).named_like(self.search)


class VersionPairForm(forms.Form):
    """Two versions to compare."""

    old = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    new = forms.IntegerField(required=False, min_value=1, max_value=2**31 - 1)

    def __init__(self, data: QueryDict, *, newest: int) -> None:
        super().__init__(data)
        self.is_valid()
        self.new_number: int = self.cleaned_data.get("new") or newest
        self.old_number: int = self.cleaned_data.get("old") or max(1, self.new_number - 1)
