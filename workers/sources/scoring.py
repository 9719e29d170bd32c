"""The one door to a source's `score`: items that lack what it needs are set apart, and results are checked."""

from collections.abc import Mapping, Sequence

from rewards.parameters import Parameters
from workers.engines.contract import Engine
from workers.sources.contract import Declaration, Input, Source, SourceItem
from workers.sources.results import Scored, Unscored

FEWEST_MEMBERS = 2


def score_items(
    source: Source, items: Sequence[SourceItem], engines: Mapping[str, Engine], parameters: Parameters
) -> list[Scored | Unscored]:
    """One result per item, in order; the source sees only items that have all that it declares to need.

    Raises
    ------
    EngineError
        Where the models cannot serve any item.
    ValueError
        Where the source gives what it did not declare, or nothing.
    """
    lacking = [missing(source.declaration, item) for item in items]
    whole = [item for item, lack in zip(items, lacking, strict=True) if lack is None]
    results = iter(source.score(whole, engines, parameters) if whole else [])
    found = [lack or next(results) for lack in lacking]
    for result in found:
        _require_declared(source.declaration, result)
    return found


def missing(declaration: Declaration, item: SourceItem) -> Unscored | None:
    """What the item lacks of all that the source needs."""
    if declaration.reads_group and len(item.members) < FEWEST_MEMBERS:
        return Unscored("too_few_outputs", f"{len(item.members)} outputs of this task are chosen: two are needed")
    if Input.OUTPUT in declaration.needs and _is_empty(declaration, item):
        return Unscored("empty_output", "the output has no text")
    if Input.REFERENCE in declaration.needs and not (item.reference or "").strip():
        return Unscored("no_reference", "this task has no reference answer")
    if Input.CONTEXT in declaration.needs and not (item.context or "").strip():
        return Unscored("no_context", "this task has no context")
    if Input.METADATA in declaration.needs and not item.metadata:
        return Unscored("no_metadata", "this task has no metadata to check by")
    if Input.CRITERIA in declaration.needs and not item.criteria:
        return Unscored("no_criteria", "no rubric applies to this task")
    return None


def _is_empty(declaration: Declaration, item: SourceItem) -> bool:
    if declaration.reads_group:
        return not any(text.strip() for member in item.members for text in member.texts)
    return item.is_empty


def _require_declared(declaration: Declaration, result: Scored | Unscored) -> None:
    if isinstance(result, Unscored):
        return
    if not result.gives:
        raise ValueError(f"{declaration.name} gave a scored item with nothing in it")
    if undeclared := result.gives - declaration.gives:
        raise ValueError(f"{declaration.name} gave {', '.join(sorted(undeclared))}, which it does not declare")
