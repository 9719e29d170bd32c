"""What recipes can be made of, as data: kinds of inputs, operators, estimators and presets, for the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rewards.advantages.registry import ESTIMATORS
from rewards.parameters import parameters_schema
from rewards.recipes.inputs import KINDS
from rewards.recipes.presets import PRESETS
from rewards.shaping.contract import Operator, Paper
from rewards.shaping.registry import OPERATORS


def parts() -> dict[str, Any]:
    """Every kind of input, operator and estimator, with the JSON schema of its parameters."""
    return {
        "inputs": [
            {
                "name": kind.name,
                "label": kind.label,
                "summary": kind.summary,
                "levels": list(kind.levels),
                "parameters": parameters_schema(kind.parameters),
                "takes_raters": kind.takes_raters,
                "takes_values": kind.takes_values,
            }
            for kind in KINDS.values()
        ],
        "operators": [_operator(operator) for operator in OPERATORS.values()],
        "estimators": [
            {
                "name": estimator.name,
                "label": estimator.label,
                "family": estimator.family.value,
                "summary": estimator.summary,
                "formula": estimator.formula,
                "papers": _papers(estimator.papers),
                "parameters": parameters_schema(estimator.parameters),
                "needs": [
                    {"name": need.name, "label": need.label, "optional": need.optional} for need in estimator.needs
                ],
            }
            for estimator in ESTIMATORS.values()
        ],
    }


def presets() -> list[dict[str, Any]]:
    """The papers' compositions, with what is to be bound."""
    return [
        {
            "name": preset.name,
            "label": preset.label,
            "summary": preset.summary,
            "formula": preset.formula,
            "papers": _papers(preset.papers),
            "notes": preset.notes,
            "inputs": [
                {"name": name, "label": given.label, "level": given.level, "is_bound": given.declared is not None}
                for name, given in preset.inputs.items()
            ],
            "document": preset.document,
        }
        for preset in PRESETS.values()
    ]


def _operator(operator: Operator) -> dict[str, Any]:
    return {
        "name": operator.name,
        "label": operator.label,
        "family": operator.family.value,
        "summary": operator.summary,
        "formula": operator.formula,
        "papers": _papers(operator.papers),
        "slots": [
            {
                "name": slot.name,
                "label": slot.label,
                "accepts": slot.accepts,
                "many": slot.many,
                "optional": slot.optional,
                "at_least": slot.at_least,
                "per_term": parameters_schema(slot.per_term),
            }
            for slot in operator.slots
        ],
        "parameters": parameters_schema(operator.parameters),
        "gives": operator.gives,
        "notes": operator.notes,
    }


def _papers(papers: Iterable[Paper]) -> list[dict[str, str]]:
    return [{"title": paper.title, "arxiv": paper.arxiv, "where": paper.where} for paper in papers]
