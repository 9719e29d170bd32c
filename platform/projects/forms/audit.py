"""What the audit log is narrowed to."""

from typing import Any

from django import forms

from projects.models import Project


class AuditFilterForm(forms.Form):
    """What is not valid narrows nothing."""

    verb = forms.CharField(required=False, max_length=60)
    actor = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1)

    nouns = (
        "project",
        "member",
        "invitation",
        "annotator_link",
        "token",
        "import",
        "export",
        "rubric",
        "run",
        "campaign",
    )
    """What may stand in the verb field; others are found as well."""

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project

    def conditions(self) -> dict[str, Any]:
        """Keyword arguments for `AuditEventQuerySet.matching`."""
        self.is_valid()
        return {"verb": self.cleaned_data.get("verb", "").strip(), "actor": self.cleaned_data.get("actor")}

    @property
    def is_narrow(self) -> bool:
        return any(self.conditions().values())

    def people(self) -> list[tuple[int, str]]:
        """The members, by name (one query, when the page is drawn)."""
        return [(row.user_id, str(row.user)) for row in self.project.memberships.for_list()]
