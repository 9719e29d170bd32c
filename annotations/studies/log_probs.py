"""Stored log-probs of tokens: which signals hold them, and those of pairs of outputs as preference losses take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from projects.models import Project
from rewards import signal_store
from rewards.models import Rater, RewardSignal
from rewards.preferences import PairLogProbs
from rewards.querysets.signal import SignalChoice
from rewards.shaping.rows import TOKEN, Floats, Level, Rows
from rewards.signal_store import StoredSignal
from workers.models import Scorer
from workers.sources.log_ratio import LOG_PROB, LOG_PROB_BASELINE, REFERENCE_MODEL

CHANNELS: Final = (LOG_PROB, LOG_PROB_BASELINE)
"""What holds the log-prob of each token, in nats: of the model, and of what it was compared with."""


class StoredLogProbs(NamedTuple):
    """One model's log-probs of tokens, as stored for some outputs.

    Attributes
    ----------
    choice : SignalChoice
    label : str
        Whose they are, in words.
    is_of_reference : bool
        Whether a scorer holds them as those of its reference model.
    """

    choice: SignalChoice
    label: str
    is_of_reference: bool


class PairSignals(NamedTuple):
    """The stored signals of one pair; None where one is not stored."""

    chosen: StoredSignal | None
    rejected: StoredSignal | None
    chosen_reference: StoredSignal | None
    rejected_reference: StoredSignal | None

    @property
    def keys(self) -> list[int | None]:
        """Of the stored rows, so that the numbers can be traced."""
        return [None if stored is None else stored.pk for stored in self]


def log_probs_of(project: Project) -> list[StoredLogProbs]:
    """What a project stores, models before what they were compared with; three queries."""
    stored = RewardSignal.objects.of(project).filter(
        channel__in=CHANNELS, segmentation__segmenter__startswith="tokenizer:"
    )
    choices = sorted(stored.of_project_choices(), key=lambda one: (CHANNELS.index(one.channel), one))
    raters = Rater.objects.in_bulk({choice.rater_id for choice in choices})
    baselines = dict(Scorer.objects.filter(rater__in=raters).values_list("rater", "parameters__baseline"))
    has_many_tokenizers = len({choice.segmenter for choice in choices}) > 1
    return [
        StoredLogProbs(
            choice,
            f"{raters[choice.rater_id].name}: {_view(choice, baselines)}"
            + (f" ({choice.segmenter})" if has_many_tokenizers else ""),
            choice.channel == LOG_PROB_BASELINE and baselines.get(choice.rater_id) == REFERENCE_MODEL,
        )
        for choice in choices
    ]


def choice_of(key: str) -> SignalChoice:
    """The choice that a key names.

    Raises
    ------
    ValueError
        For anything but ``rater:channel:segmenter``.
    """
    rater, _, rest = key.partition(":")
    channel, _, segmenter = rest.partition(":")
    if not (rater.isascii() and rater.isdigit() and channel and segmenter):
        raise ValueError(f"log-probs {key!r}: expected rater:channel:segmenter")
    return SignalChoice(int(rater), channel, segmenter)


def signals_of(
    project: Project, policy: SignalChoice, reference: SignalChoice | None, pairs: Sequence[tuple[int, int]]
) -> list[PairSignals]:
    """The newest signals of pairs of outputs (chosen, rejected); three queries for each model."""
    outputs = sorted({output for pair in pairs for output in pair})
    found: list[dict[int, StoredSignal]] = []
    for choice in (policy, reference):
        stored = [] if choice is None else signal_store.load(RewardSignal.objects.of(project).chosen(choice, outputs))
        found.append({row.output_id: row for row in stored})
    return [PairSignals(*(side.get(output) for side in found for output in pair)) for pair in pairs]


def pair_log_probs(pairs: Sequence[PairSignals], *, has_reference: bool) -> PairLogProbs:
    """Pairs that both have the policy's log-probs, as losses take them: shape (n,).

    Where the reference's are not stored, or stand on other tokens, its tokens are unknown: NaN.
    """
    chosen, rejected = (_rows([pair[side] for pair in pairs]) for side in (0, 1))
    if not has_reference:
        return PairLogProbs(chosen, rejected)
    return PairLogProbs(
        chosen,
        rejected,
        chosen.with_values(_on([pair[0] for pair in pairs], [pair[2] for pair in pairs])),
        rejected.with_values(_on([pair[1] for pair in pairs], [pair[3] for pair in pairs])),
    )


def _rows(stored: Sequence[StoredSignal | None]) -> Rows:
    there = [row.signal for row in stored if row is not None]
    cuts = [signal.segmentation for signal in there]
    level = Level.of_segmentations(TOKEN, cuts, [int(cut.spans[:, 0].max(initial=-1)) + 1 for cut in cuts])
    return Rows(level, _joined([signal.values.astype(np.float64) for signal in there]))


def _on(policy: Sequence[StoredSignal | None], reference: Sequence[StoredSignal | None]) -> Floats:
    """The reference's values, one for each of the policy's tokens."""
    values = []
    for one, other in zip(policy, reference, strict=True):
        assert one is not None
        is_same = other is not None and np.array_equal(other.signal.segmentation.spans, one.signal.segmentation.spans)
        values.append(
            other.signal.values.astype(np.float64)
            if other is not None and is_same
            else np.full(len(one.signal.values), np.nan)
        )
    return _joined(values)


def _joined(values: Sequence[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *values])


def _view(choice: SignalChoice, baselines: dict[int, str | None]) -> str:
    if choice.channel == LOG_PROB:
        return "the model"
    if choice.rater_id not in baselines:
        return choice.channel
    return "its reference model" if baselines[choice.rater_id] == REFERENCE_MODEL else "the model without the prompt"
