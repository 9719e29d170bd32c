"""Every reward source there is. To add one: its file, its test, and a line here."""

from workers.sources.contract import Source
from workers.sources.log_ratio import LogRatio
from workers.sources.rubric_judge import RubricJudge

SOURCES: dict[str, Source] = {source.declaration.name: source for source in (RubricJudge(), LogRatio())}


class UnknownSourceError(LookupError):
    """No source has that name: stored scorers may name one that a later version dropped."""


def source_named(name: str) -> Source:
    """The source of that name; `UnknownSourceError` where there is none."""
    try:
        return SOURCES[name]
    except KeyError:
        raise UnknownSourceError(f"no reward source is called {name!r}; there are {', '.join(SOURCES)}") from None
