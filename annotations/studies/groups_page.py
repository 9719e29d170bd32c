"""What the page of a groups study shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from annotations.models import Study
from annotations.studies.pictures import BarRow, stacked_bar
from annotations.templatetags.study_charts import Curve, CurvePoint
from rewards.composer.findings import Distribution
from rewards.models import Task

PAGE: Final = 15
STATES: Final = {
    "": "",
    "alone": "one scored output",
    "equal": "all the same",
    "unscored": "none scored",
}


class TaskRow(NamedTuple):
    task: Task | None
    found: dict[str, Any]
    state: str
    """Why the group gives no gradient; empty where it gives one."""


def context(study: Study, given: Mapping[str, str]) -> dict[str, Any]:
    """One query, for the tasks of the page."""
    result, text = study.result, given.get("start", "")
    start = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
    start = start - start % PAGE if start < len(result["to_read"]) else 0
    rows = result["to_read"][start : start + PAGE]
    tasks = Task.objects.filter(project=study.project_id).defer("messages").in_bulk([row["task"] for row in rows])
    return {
        "result": result,
        "meter": _meter_bar(result["meter"]),
        "rates": distribution_of(result["rates"]),
        "weights": distribution_of(result["weights"]),
        "pass_curves": _pass_curves(result["pass_at_k"]),
        "best_curves": _best_curves(result["best_of_n"]),
        "tasks": [TaskRow(tasks.get(row["task"]), row, STATES[row["state"]]) for row in rows],
        "first": start + 1,
        "last": start + len(rows),
        "next_start": start + PAGE if start + PAGE < len(result["to_read"]) else None,
        "previous_start": start - PAGE if start else None,
    }


def distribution_of(found: Mapping[str, Any]) -> Distribution:
    """As it was before it was JSON: NaN where nothing is scored."""
    values: dict[str, Any] = {name: float("nan") if value is None else value for name, value in found.items()}
    return Distribution(**values)


def _meter_bar(meter: Mapping[str, int]) -> BarRow:
    other = meter["n_equal"] - meter["n_all_lowest"] - meter["n_all_highest"]
    # Where every reward is the same, the lowest is the highest too.
    is_one_value = other < 0
    parts = [("with a gradient", meter["n_telling"], "series-1")]
    if is_one_value:
        parts.append(("all the same", meter["n_equal"], "series-2"))
    else:
        parts += [
            ("all lowest", meter["n_all_lowest"], "series-2"),
            ("all highest", meter["n_all_highest"], "series-4"),
            ("all the same in between", other, "series-3"),
        ]
    parts += [("one scored output", meter["n_alone"], "series-5"), ("none scored", meter["n_unscored"], "series-7")]
    return stacked_bar("Tasks", [part for part in parts if part[1]])


def _pass_curves(rows: list[dict[str, Any]]) -> list[Curve]:
    return [Curve("pass@k", "series-1", [_point(row["k"], row) for row in rows if row["value"] is not None])]


def _best_curves(rows: list[dict[str, Any]]) -> list[Curve]:
    return [
        Curve(name, style, [_point(row["n"], row[key]) for row in rows if row[key]["value"] is not None])
        for name, key, style in (
            ("chosen by the proxy", "proxy", "series-1"),
            ("the best there is", "best", "series-2"),
        )
    ]


def _point(draws: int, found: Mapping[str, Any]) -> CurvePoint:
    return CurvePoint(draws, found["value"], found["low"], found["high"])
