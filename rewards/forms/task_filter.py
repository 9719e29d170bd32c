"""What a reader of the task list may narrow it by."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from projects.models import Project
from rewards.models import Task

ORDERINGS = {"newest": "-id", "id": "external_id"}
JUDGED = {"yes": True, "no": False}


class TaskFilterForm(forms.Form):
    """Filters of the task list; two queries for what can be chosen.

    A filter that is not valid is left out, as an old link should still open the list.
    """

    q = forms.CharField(required=False, max_length=200, label=_("Search"))
    tag = forms.CharField(required=False, max_length=100)
    split = forms.CharField(required=False, max_length=40)
    policy = forms.ChoiceField(required=False)
    imported = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    """Key of the import that brought them: where a link from its page leads."""
    judged = forms.ChoiceField(
        required=False, choices=[("", _("Any")), ("yes", _("Judged")), ("no", _("Not judged yet"))]
    )
    sort = forms.ChoiceField(required=False, choices=[("newest", _("Newest first")), ("id", _("By id"))])

    def __init__(self, data: QueryDict, *, project: Project) -> None:
        super().__init__(data)
        self.splits = Task.objects.splits(project)
        self.policies = list(project.policies.order_by("name").values_list("pk", "name")[:500])
        policy = self.fields["policy"]
        assert isinstance(policy, forms.ChoiceField)
        policy.choices = [("", "Any"), *((str(pk), name) for pk, name in self.policies)]
        self.is_valid()

    def conditions(self) -> dict[str, Any]:
        """Arguments of `TaskQuerySet.matching`."""
        policy = self.cleaned_data.get("policy")
        return {
            "search": self.cleaned_data.get("q", ""),
            "tag": self.cleaned_data.get("tag", ""),
            "split": self.cleaned_data.get("split", ""),
            "policy": int(policy) if policy else None,
            "import_batch": self.cleaned_data.get("imported"),
            "judged": JUDGED.get(self.cleaned_data.get("judged", "")),
        }

    def ordering(self) -> str:
        return ORDERINGS[self.cleaned_data.get("sort") or "newest"]

    @property
    def is_narrowing(self) -> bool:
        """Whether any filter is set, so that an empty list has another meaning."""
        return any(value not in ("", None) for value in self.conditions().values())
