"""The parts of an output among which a number is divided, the output without some of them, and the number of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rewards.parameters import Parameter, Parameters
from rewards.segmentation import Segmentation, sentences, steps, turns, whole, words
from rewards.signals import RewardSignal
from rewards.statistics.attribution import Floats, Masks, completeness_gap
from workers.engines.contract import Refusal
from workers.sources.attribution.scalars import Messages, Scalar
from workers.sources.contract import SourceItem
from workers.sources.results import SignalResult
from workers.sources.similarity import written

SCALAR_CHANNEL, EMPTY_CHANNEL, GAP_CHANNEL = "explained_number", "explained_number_empty", "completeness_gap"
CUTS: dict[str, Callable[[Sequence[str]], Segmentation]] = {
    "sentence": sentences,
    "step": steps,
    "word": words,
    "turn": turns,
}
SEGMENTS = Parameter(
    "segments",
    "choice",
    "sentence",
    "Divide it among",
    "Finer parts take more readings of the output.",
    choices=(("sentence", "Sentences"), ("step", "Steps"), ("word", "Words"), ("turn", "Messages")),
)
REPLACEMENT = Parameter(
    "replacement",
    "text",
    "",
    "Put in place of a part",
    "Where a part is left out, before the white space that ends it. Empty: the part goes with its white space.",
    max_length=40,
)
# Versions of one call. Neighbours share a long beginning, each further one a shorter: a dozen about fills a pass on a
# CPU, and more of them at once share less of their beginnings, since an engine bounds how often these may branch.
_AT_ONCE = 12


class RefusedError(Exception):
    """The model did not answer about a version of the output."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Parts:
    """What is divided.

    Attributes
    ----------
    item : SourceItem
    segmentation : Segmentation
        Of all messages.
    players : int64 array, shape (n,)
        Indices of the segments that can be left out: those of messages that the policy wrote and the model reads.
    replacement : str
    """

    item: SourceItem
    segmentation: Segmentation
    players: npt.NDArray[np.int64]
    replacement: str

    @classmethod
    def of(cls, item: SourceItem, parameters: Parameters) -> Parts:
        segmentation = CUTS[str(parameters["segments"])](item.texts)
        read = written(item, with_thinking=bool(parameters["include_thinking"]))
        players = np.flatnonzero(np.isin(segmentation.spans[:, 0], read))
        return cls(item, segmentation, players, str(parameters["replacement"]))

    def __len__(self) -> int:
        return len(self.players)

    def without(self, kept: npt.NDArray[np.bool_]) -> Messages:
        """The messages with only the parts that a mask of shape (n,) keeps."""
        texts = self.item.texts
        pieces: list[list[str]] = [[] for _ in texts]
        is_kept = dict(zip(self.players.tolist(), kept.tolist(), strict=True))
        for segment, (message, start, end) in enumerate(self.segmentation.spans.tolist()):
            piece = texts[message][start:end]
            pieces[message].append(piece if is_kept.get(segment, True) else self._left_out(piece))
        return tuple(
            replace(message, text="".join(found))
            for message, found in zip(self.item.output_messages, pieces, strict=True)
        )

    def _left_out(self, piece: str) -> str:
        return self.replacement + piece[len(piece.rstrip()) :] if self.replacement else ""

    def by_sentence(self) -> list[list[int]]:
        """Places among the parts, by the sentence in which each begins."""
        starts = self.segmentation.spans[self.players, :2]
        cuts = sentences(self.item.texts).spans[:, :2]
        width = int(self.segmentation.spans.max(initial=0)) + 1
        found = np.searchsorted(cuts @ [width, 1], starts @ [width, 1], side="right")
        return [np.flatnonzero(found == sentence).tolist() for sentence in np.unique(found)]

    def signal(self, values: Floats) -> RewardSignal:
        """Values of the parts over all segments; what cannot be left out has none."""
        placed = np.full(len(self.segmentation), np.nan)
        placed[self.players] = values
        return RewardSignal(self.segmentation, placed.astype(np.float32))


class VersionValues:
    """A scalar as a function of masks over an output's parts; equal masks are asked about once.

    Versions go to the model a few at a time, those that begin alike together: engines read once what a call's texts
    begin with, and long outputs of many parts are not all written out at once.

    Raises
    ------
    RefusedError
        For the first version that the model refuses.
    """

    def __init__(self, parts: Parts, scalar: Scalar) -> None:
        self._parts, self._scalar = parts, scalar
        self._known: dict[bytes, float] = {}

    def __call__(self, masks: Masks) -> Floats:
        """Shape (m, n) to (m,)."""
        new = {mask.tobytes(): mask for mask in masks if mask.tobytes() not in self._known}
        for batch in _batches(sorted(new, reverse=True)):
            found = self._scalar([self._parts.without(new[key]) for key in batch])
            for key, value in zip(batch, found, strict=True):
                if isinstance(value, Refusal):
                    raise RefusedError(value)
                self._known[key] = value
        return np.array([self._known[mask.tobytes()] for mask in masks], dtype=np.float64)


def _batches(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]


def whole_numbers(item: SourceItem, numbers: dict[str, float]) -> tuple[SignalResult, ...]:
    """Numbers about the whole output, a channel each; NaN is left out."""
    place = whole(item.texts)
    return tuple(
        SignalResult(channel, RewardSignal(place, np.array([value], dtype=np.float32)))
        for channel, value in numbers.items()
        if not np.isnan(value)
    )


def completeness(signal: RewardSignal, full: float, empty: float) -> dict[str, float]:
    """The number, what it is without the parts, and the gap between their difference and the sum as it is stored."""
    return {
        SCALAR_CHANNEL: full,
        EMPTY_CHANNEL: empty,
        GAP_CHANNEL: completeness_gap(signal.values, full, empty),
    }
