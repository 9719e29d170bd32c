"""What a person would have a model's span say instead."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from rewards.models import SpanMark
from rewards.reviews import LONGEST_EXPLANATION, LONGEST_SEVERITY, LONGEST_TYPE, MarkContent
from rewards.text import Span


class MarkReviewForm(forms.Form):
    """Filled with what the mark says; `content()` is what it should say. The place is given by its words."""

    type = forms.CharField(max_length=LONGEST_TYPE)
    severity = forms.CharField(max_length=LONGEST_SEVERITY, required=False)
    words = forms.CharField(
        label=_("Marked words"),
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_(
            "Exactly as they stand in the same message. Of several places the one nearest to the model's counts."
        ),
    )
    explanation = forms.CharField(
        max_length=LONGEST_EXPLANATION, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, data: Any = None, *, mark: SpanMark) -> None:
        initial = {
            "type": mark.type,
            "severity": mark.severity,
            "words": mark.quote,
            "explanation": mark.explanation,
        }
        super().__init__(data, initial=initial, auto_id=f"mark-{mark.pk}-%s")
        self.mark = mark

    def clean_words(self) -> Span:
        # A browser sends every line break as CRLF, whatever the text has.
        sent = self.cleaned_data["words"].replace("\r\n", "\n")
        if sent == self.mark.quote.replace("\r\n", "\n").replace("\r", "\n"):
            return Span(self.mark.message, self.mark.start, self.mark.end)
        text = self.mark.output.messages[self.mark.message]["text"]
        for break_ in ("\n", "\r\n", "\r"):
            words = sent.replace("\n", break_)
            starts = _occurrences(text, words)
            if starts:
                start = min(starts, key=lambda start: abs(start - self.mark.start))
                return Span(self.mark.message, start, start + len(words))
        raise ValidationError(gettext("These words do not stand in the message."), code="not_found")

    def clean_explanation(self) -> str:
        return str(self.cleaned_data["explanation"].replace("\r\n", "\n"))

    def content(self) -> MarkContent:
        """Of a valid form."""
        data = self.cleaned_data
        return MarkContent(data["words"], data["type"], data["severity"], data["explanation"])


def _occurrences(text: str, words: str) -> list[int]:
    starts = []
    at = text.find(words)
    while at >= 0:
        starts.append(at)
        at = text.find(words, at + 1)
    return starts
