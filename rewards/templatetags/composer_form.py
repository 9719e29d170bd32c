"""Options that every node of the composer offers: written once, since a tree has many nodes and operators are many."""

import json
from collections.abc import Sequence
from functools import cache

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from rewards.advantages.registry import by_family as estimators_by_family
from rewards.composer.offers import Offer
from rewards.shaping.registry import by_family

register = template.Library()

_OPTION = '<option value="{}"{}>{}</option>'
_SELECTED = mark_safe(" selected")
_NOT = mark_safe("")


@register.filter
def as_json(value: object) -> str:
    """A part of a recipe as its document has it."""
    return json.dumps(value, indent=1, ensure_ascii=False)


@register.simple_tag
def node_options(choice: str, inputs: Sequence[str], nodes: Sequence[str]) -> SafeString:
    """Everything that a node can be, by what it is; the present one is selected."""
    return format_html(
        "{}{}{}{}",
        mark_safe("") if choice else format_html('<option value="" selected>{}</option>', gettext("Choose …")),
        _group(gettext("Inputs"), [(f"input:{name}", name) for name in inputs], choice),
        _group(gettext("Named nodes"), [(f"node:{name}", name) for name in nodes], choice),
        _operators(choice if choice.startswith("op:") else "", get_language()),
    )


@register.simple_tag
def offer_options(offers: Sequence[tuple[str, Sequence[Offer]]]) -> SafeString:
    """What the project has, by kind; none is chosen."""
    groups = (_group(gettext(label), [(offer.json, offer.label) for offer in rows], "") for label, rows in offers)
    return format_html_join("", "{}", ((group,) for group in groups))


@register.simple_tag
def wrap_options() -> SafeString:
    """Operators that can be put around a node; none is chosen."""
    return _wraps(get_language())


@register.simple_tag
def estimator_options(choice: str) -> SafeString:
    """Every estimator of advantages by family, and none at all; the present one is selected."""
    families = (
        _group(gettext(family.label), [(one.name, gettext(one.label)) for one in estimators], choice)
        for family, estimators in estimators_by_family().items()
    )
    return format_html(
        "{}{}",
        format_html(_OPTION, "", _NOT if choice else _SELECTED, gettext("None: difference from the group’s mean")),
        format_html_join("", "{}", ((family,) for family in families)),
    )


@cache
def _wraps(language: str | None) -> SafeString:
    families = (
        _group(gettext(family.label), [(one.name, gettext(one.label)) for one in operators], "")
        for family, operators in by_family().items()
        if operators
    )
    return format_html(
        '<option value="">{}</option>{}', gettext("Wrap in …"), format_html_join("", "{}", ((f,) for f in families))
    )


@cache
def _operators(choice: str, language: str | None) -> SafeString:
    families = (
        _group(gettext(family.label), [(f"op:{one.name}", gettext(one.label)) for one in operators], choice)
        for family, operators in by_family().items()
        if operators
    )
    return format_html_join("", "{}", ((family,) for family in families))


def _group(label: str, options: Sequence[tuple[str, str]], choice: str) -> SafeString:
    if not options:
        return mark_safe("")
    written = format_html_join(
        "", _OPTION, ((value, _SELECTED if value == choice else _NOT, words) for value, words in options)
    )
    return format_html('<optgroup label="{}">{}</optgroup>', label, written)
