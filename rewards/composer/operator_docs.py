"""Operators and estimators as documents to read outside the application: one page in Markdown, one picture each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rewards.composer.operators import EstimatorPage, OperatorPage, estimator_families, family_pages
from rewards.parameters import Parameter
from rewards.shaping.contract import Paper
from rewards.templatetags.composer_charts import operator_picture

PAGE: Final = "operators.md"
PICTURES: Final = "operators"

# A picture outside the application brings its own colours: those of static/css/tokens.css, which suit both themes.
_STYLE: Final = (
    "<style>text{font:11px sans-serif;fill:#6f685f}.series-1{fill:#2f7fb5}.series-7{fill:#8e877c}"
    ".axis{stroke:#8e877c}.gridline{stroke:#b0a89c;stroke-opacity:.6}</style>"
)
_HEAD: Final = """# Operators and estimators

What recipes are made of. This page is written by `manage.py document_operators` from the declarations in
`rewards/shaping` and `rewards/advantages`, which also make the composer's fields and the checks of recipes. Each
picture is the operator at work, with its defaults, on four made-up outputs of two tasks: what goes in as thin bars,
what comes out as thick ones.
"""


def documents() -> dict[str, str]:
    """The text of each file, by its path below the folder of documents."""
    files = {PAGE: "\n".join(_page())}
    for family in family_pages():
        for page in family.operators:
            if page.example is not None:
                files[f"{PICTURES}/{page.operator.name}.svg"] = _picture(page)
    return files


def _page() -> Iterator[str]:
    yield _HEAD
    for family in family_pages():
        yield f"## {family.label}\n"
        for page in family.operators:
            yield from _operator(page)
    yield "## Estimators of advantages\n"
    for estimators in estimator_families():
        yield f"### {estimators.label}\n"
        for one in estimators.estimators:
            yield from _estimator(one)


def _operator(page: OperatorPage) -> Iterator[str]:
    operator = page.operator
    yield f"### {operator.label} (`{operator.name}`)\n"
    yield f"{operator.summary}\n"
    yield f"    {operator.formula}\n"
    if page.example is not None:
        yield f"![{operator.label}]({PICTURES}/{operator.name}.svg)\n"
    yield from _rest(page.parameters, operator.notes, operator.papers)


def _estimator(page: EstimatorPage) -> Iterator[str]:
    estimator = page.estimator
    yield f"#### {estimator.label} (`{estimator.name}`)\n"
    yield f"{estimator.summary}\n"
    yield f"    {estimator.formula}\n"
    if estimator.needs:
        yield "Needs: " + "; ".join(f"{need.label} (`{need.name}`)" for need in estimator.needs) + ".\n"
    yield f"The only scored output of its group gets: {estimator.alone}.\n"
    yield from _rest(page.parameters, estimator.notes, estimator.papers)


def _rest(parameters: Iterable[tuple[str, Parameter]], notes: str, papers: Iterable[Paper]) -> Iterator[str]:
    rows = [_parameter(slot, parameter) for slot, parameter in parameters]
    if rows:
        yield "\n".join(rows) + "\n"
    if notes:
        yield f"{notes}\n"
    cited = [_paper(paper) for paper in papers]
    if cited:
        yield "Source: " + "; ".join(cited) + ".\n"


def _parameter(slot: str, parameter: Parameter) -> str:
    bounds: Mapping[str, float | None] = {"from": parameter.minimum, "to": parameter.maximum}
    said = [f"{word} {value:g}" for word, value in bounds.items() if value is not None]
    if parameter.choices:
        said = ["one of " + ", ".join(f"`{value}`" for value, _ in parameter.choices)]
    where = f", for each of {slot}" if slot else ""
    words = [" ".join(said), f"by default `{parameter.default}`{where}"]
    text = f"- `{parameter.name}`: {parameter.label}; " + ", ".join(filter(None, words)) + "."
    return f"{text} {parameter.help}".rstrip()


def _paper(paper: Paper) -> str:
    link = f"{paper.title}, [arXiv {paper.arxiv}](https://arxiv.org/abs/{paper.arxiv})" if paper.arxiv else paper.title
    return f"{link}, {paper.where}" if paper.where else link


def _picture(page: OperatorPage) -> str:
    assert page.example is not None
    svg = str(operator_picture(page.example))
    opened = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" width="256" ', 1)
    end = opened.index(">") + 1
    return f"{opened[:end]}{_STYLE}{opened[end:]}\n"
