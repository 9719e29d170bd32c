"""A reward source without a model, whose numbers can be worked out by hand, and which fails on demand.

An output's one signal, `length`, is the number of its characters, on the segment that covers it all. Texts that
contain a word below are treated otherwise; every call is recorded.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

import numpy as np
from django.db.models.functions import Now

from projects.models import Project
from rewards.parameters import Parameter
from rewards.segmentation import whole
from rewards.signals import RewardSignal
from workers.actions.runs import start_run
from workers.actions.scorers import create_scorer
from workers.engines.contract import EngineError, ErrorCode
from workers.models import Batch, Run, Scorer
from workers.selection import OutputSelection
from workers.sources import registry
from workers.sources.contract import Declaration, Estimate, Fidelity, Input
from workers.sources.results import Gives, Scored, SignalResult, Unscored

BREAKS = "BREAKS"
REFUSED = "REFUSED"
TOO_BIG = "TOO BIG"
MODEL_GONE = "MODEL GONE"


class CountingSource:
    declaration = Declaration(
        name="counting",
        version=1,
        title="Counting",
        summary="Counts characters.",
        formula="r = |y|",
        paper="",
        fidelity=Fidelity.PAPER,
        checked_by="By hand.",
        needs=frozenset({Input.OUTPUT}),
        uses=frozenset(),
        gives=frozenset({Gives.SIGNALS}),
        models=(),
        parameters=(Parameter("factor", "number", 1.0, "Factor", minimum=0, maximum=10),),
    )

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    @property
    def texts(self) -> list[str]:
        return [text for call in self.calls for text in call]

    def check(self, parameters: Mapping, roles) -> None:
        pass

    def estimate(self, items: Sequence, parameters: Mapping) -> Estimate:
        return Estimate(requests=len(items), characters=sum(len(item.texts[0]) for item in items))

    def score(self, items: Sequence, engines: Mapping, parameters: Mapping) -> list[Scored | Unscored]:
        self.before()
        texts = [item.texts[0] for item in items]
        self.calls.append(texts)
        if any(BREAKS in text for text in texts):
            raise RuntimeError("this source breaks")
        if any(TOO_BIG in text for text in texts):
            raise MemoryError
        if any(MODEL_GONE in text for text in texts):
            raise EngineError(ErrorCode.MODEL_MISSING, "there is no such model")
        self.after()
        return [self._one(item, float(parameters["factor"])) for item in items]

    def _one(self, item, factor: float) -> Scored | Unscored:
        text = item.texts[0]
        if REFUSED in text:
            return Unscored("context_overrun", "too long")
        signal = RewardSignal(whole(item.texts), np.array([factor * len(text)], dtype=np.float32))
        return Scored(signals=(SignalResult("length", signal),))


@contextlib.contextmanager
def registered(source: CountingSource) -> Iterator[CountingSource]:
    """Put the source into the registry."""
    registry.SOURCES[source.declaration.name] = source
    try:
        yield source
    finally:
        del registry.SOURCES[source.declaration.name]


def counting_scorer(project: Project, **parameters: object) -> Scorer:
    return create_scorer(project=project, source="counting", actor=None, parameters=parameters)


def start(project: Project, scorer: Scorer | None = None, **fields) -> Run:
    """A run that no message was sent about: the test computes it."""
    fields.setdefault("notify", False)
    selection = fields.pop("selection", OutputSelection())
    return start_run(
        project=project, scorer=scorer or counting_scorer(project), selection=selection, actor=None, **fields
    )


def expire(batch: Batch) -> None:
    """As if the lease had run out a while ago."""
    Batch.objects.filter(pk=batch.pk).update(lease_until=Now() - timedelta(seconds=1))
