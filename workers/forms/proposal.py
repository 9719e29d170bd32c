"""What a person chooses before a model writes or refines a rubric."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from workers.actions.rubric_proposals import MOST_TOKENS
from workers.authoring.refinement import MOST_ITERATIONS
from workers.catalogue import serving
from workers.engines.contract import Capability
from workers.models import ModelEndpoint
from workers.sources.contract import ModelRole

LARGEST_SEED = 2**31 - 1
WAYS = (
    ("reply", "One reply for all criteria, in words"),
    ("probabilities", "Its probabilities, one criterion at a time"),
)


def able_to(capability: Capability, endpoints: Sequence[ModelEndpoint]) -> list[ModelEndpoint]:
    """Those of the endpoints that can be used for it now."""
    return serving(ModelRole("model", "model", "", frozenset({capability})), endpoints)


class GenerationForm(forms.Form):
    """Which model writes, and how long its reply may be."""

    endpoint = forms.ChoiceField(
        label=_("Model"),
        help_text=_("A strong one: small models do not keep to the form, and the proposal then fails."),
    )
    max_new_tokens = forms.IntegerField(
        label=_("Longest reply"), min_value=64, max_value=MOST_TOKENS, initial=2_048, help_text=_("In tokens.")
    )
    seed = forms.IntegerField(label=_("Seed"), min_value=0, max_value=LARGEST_SEED, initial=0)

    def __init__(self, *args: Any, endpoints: Sequence[ModelEndpoint], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._endpoints = {str(endpoint.pk): endpoint for endpoint in endpoints}
        self._offer("endpoint", [(str(e.pk), e.name) for e in able_to(Capability.GENERATE, endpoints)])

    @property
    def has_models(self) -> bool:
        """Whether any model can write."""
        field = self.fields["endpoint"]
        assert isinstance(field, forms.ChoiceField)
        return bool(field.choices)

    def values(self) -> dict[str, Any]:
        """What the action takes, once the form is valid."""
        chosen = dict(self.cleaned_data)
        return chosen | {"endpoint": self._endpoints[chosen["endpoint"]]}

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


class RefinementForm(GenerationForm):
    """The same, with who judges the outputs, and how often two are told apart."""

    task = forms.CharField(
        max_length=200, label=_("Task"), help_text=_("Its id: two of this task’s outputs are told apart at a time.")
    )
    judge = forms.ChoiceField(
        label=_("Judge"),
        required=False,
        help_text=_("Scores the outputs before and after. Left open, the model above does."),
    )
    way = forms.ChoiceField(label=_("The judge answers by"), choices=WAYS)
    iterations = forms.IntegerField(
        label=_("Rounds"),
        min_value=1,
        max_value=MOST_ITERATIONS,
        initial=MOST_ITERATIONS,
        help_text=_("Two outputs each."),
    )
    tail_share = forms.FloatField(
        label=_("The tail"),
        min_value=0.01,
        max_value=1,
        initial=0.25,
        help_text=_("The best share of the outputs, by what people think, among which accuracy is measured as well."),
        widget=forms.NumberInput({"step": "any"}),
    )
    field_order = ("task", "endpoint", "judge", "way", "iterations", "tail_share", "max_new_tokens", "seed")

    def __init__(self, *args: Any, endpoints: Sequence[ModelEndpoint], **kwargs: Any) -> None:
        super().__init__(*args, endpoints=endpoints, **kwargs)
        judges = dict.fromkeys([*able_to(Capability.GENERATE, endpoints), *able_to(Capability.CHOOSE, endpoints)])
        self._offer("judge", [("", "The model above"), *((str(e.pk), e.name) for e in judges)])

    def values(self) -> dict[str, Any]:
        """What the action takes, but for the task, which is looked up by its id."""
        chosen = super().values()
        chosen.pop("task")
        return chosen | {"judge": self._endpoints.get(chosen["judge"])}
