"""A rubric pasted as JSON."""

import json

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rewards.rubrics.content import RubricContent
from rewards.rubrics.parse import RubricError, rubric_from_dict

MAX_CHARACTERS = 2_000_000


class RubricPasteForm(forms.Form):
    """Name and JSON; `cleaned_data["content"]` is the checked rubric."""

    name = forms.CharField(label=_("Name"), max_length=200)
    description = forms.CharField(label=_("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2}))
    text = forms.CharField(
        label=_("JSON"),
        max_length=MAX_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
        help_text=_(
            'As an export gives it: <code>{"criteria": [{"text": "…", "weight": 2}, …]}</code>, or the list '
            "alone. Only <code>text</code> is required."
        ),
    )

    def clean_text(self) -> RubricContent:
        try:
            data = json.loads(self.cleaned_data["text"])
        except json.JSONDecodeError as error:
            raise ValidationError(
                gettext("This is no JSON: %(msg)s in line %(lineno)s, column %(colno)s.")
                % {"msg": error.msg, "lineno": error.lineno, "colno": error.colno},
                code="json",
            ) from error
        except RecursionError as error:
            raise ValidationError(gettext("This JSON is nested too deeply for a rubric."), code="json") from error
        try:
            return rubric_from_dict(data)
        except RubricError as error:
            raise ValidationError([str(problem) for problem in error.problems[:20]], code="rubric") from error
