"""Yes and no by a model against yes and no by people: the four counts and what follows from them."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Confusion(NamedTuple):
    """How a model's marks and people's meet; positive is what was marked.

    Attributes
    ----------
    true_positive, false_positive, false_negative, true_negative : int
    n_unscored : int
        Cells in which either says nothing; they are in no other count.
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    n_unscored: int

    @property
    def n(self) -> int:
        """Cells in which both say something."""
        return self.true_positive + self.false_positive + self.false_negative + self.true_negative

    @property
    def accuracy(self) -> float:
        """``(TP + TN) / n``."""
        return _ratio(self.true_positive + self.true_negative, self.n)

    @property
    def precision(self) -> float:
        """``TP / (TP + FP)``."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def recall(self) -> float:
        """``TP / (TP + FN)``."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def f1(self) -> float:
        """``2 TP / (2 TP + FP + FN)``."""
        return _ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)


def confusion(predicted: npt.ArrayLike, marked: npt.ArrayLike) -> Confusion:
    """Count the cells of two tables of 0 and 1, such as sub-goals by turns.

    Parameters
    ----------
    predicted, marked : array_like, of one shape
        0, 1, or NaN for unscored.

    Returns
    -------
    Confusion
        Its ratios are NaN where nothing is counted in the denominator.

    Raises
    ------
    ValueError
        For different shapes or another value: probabilities need a threshold first.
    """
    model, people = np.asarray(predicted, dtype=np.float64), np.asarray(marked, dtype=np.float64)
    if model.shape != people.shape:
        raise ValueError(f"shapes {model.shape} and {people.shape}: expected the same")
    scored = ~(np.isnan(model) | np.isnan(people))
    for name, values in (("predicted", model), ("marked", people)):
        if not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
            raise ValueError(f"{name} holds something else than 0, 1 and NaN")
    yes, wanted = model[scored] == 1, people[scored] == 1
    return Confusion(
        true_positive=int(np.count_nonzero(yes & wanted)),
        false_positive=int(np.count_nonzero(yes & ~wanted)),
        false_negative=int(np.count_nonzero(~yes & wanted)),
        true_negative=int(np.count_nonzero(~yes & ~wanted)),
        n_unscored=int(np.count_nonzero(~scored)),
    )


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
