"""Which number of a model is to be explained by what it reads, and the credits that come back.

No torch here, as in the contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from workers.engines.contract import LengthHandling, Prompt


class Stretch(NamedTuple):
    """A part of one message that is read, in code points; the prefill counts as the message after the last."""

    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Explained:
    """A number that a model gives for what it reads, and the stretches of it whose tokens are to be credited.

    Attributes
    ----------
    prompt : Prompt
        Chat messages. For a reward model the whole conversation, after which no turn is opened.
    stretches : tuple of Stretch
        At least one.
    labels : tuple of str
        The number is the probability of the first among these, as `choose` gives it.
    reply : str
        The number is the log-probability of this reply.
    length_handling : {"sum", "mean"}
        Over the tokens of the reply.

    Without labels and reply the number is the score that the model's head gives.
    """

    prompt: Prompt
    stretches: tuple[Stretch, ...]
    labels: tuple[str, ...] = ()
    reply: str = ""
    length_handling: LengthHandling = "mean"

    def __post_init__(self) -> None:
        if not self.prompt.messages or not self.stretches or (self.labels and self.reply):
            raise ValueError("a number of labels, of a reply or of a head, for stretches of chat messages")


InputBaseline = Literal["zero", "mean"]


@dataclass(frozen=True, slots=True, eq=False)
class InputGradients:
    """What each credited token's embedding adds to a number, by its gradient.

    Attributes
    ----------
    spans : int32 array, shape (T, 3)
        Of each token: the stretch that it lies in, and its start and end in the message within that stretch. Tokens
        that reach beyond a stretch are credited; tokens of a byte-level tokenizer may share a character.
    values : float32 array, shape (T,)
    number : float
    baseline : float
        The number where the credited tokens' embeddings are the baseline.
    """

    spans: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    number: float
    baseline: float


AttentionRule = Literal["weights", "values"]
"""Whether relevance goes back through the weights of attention too, or through its values alone."""


@dataclass(frozen=True, slots=True, eq=False)
class InputRelevances:
    """What each credited token holds of a number that was handed back through the layers.

    Attributes
    ----------
    spans : int32 array, shape (T, 3)
        As in `InputGradients`.
    values : float32 array, shape (T,)
    number : float
        The log-odds of the first label against all others, the log-probability of the reply, or the head's score:
        what the model's last layer leads to without a sigmoid behind it.
    others : float
        What all tokens hold that are not credited. What the two sums lack of the number stayed with constants: biases,
        the softmax of attention weights, and for a reply the entropy of its places.
    """

    spans: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    number: float
    others: float
