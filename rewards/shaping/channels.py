"""Channels: rewards of different scales, each brought into a space of its own before they are added, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from rewards.parameters import Parameter
from rewards.shaping.combine import WEIGHT, weighted_sum
from rewards.shaping.contract import Family, Operator, Paper, Slot
from rewards.shaping.rows import Floats, Rows
from rewards.shaping.terms import UNSCORED

MappingName = Literal["identity", "log", "sqrt", "clip", "rank", "z"]

PAPER: Final = Paper("Orchestrated Value Mapping for Reinforcement Learning", "2203.07171")
SYMLOG: Final = Paper("Mastering Diverse Domains through World Models", "2301.04104", "symlog")


@dataclass(frozen=True, eq=False)
class ValueMapping:
    """A monotone map of rewards and its inverse (Orchestrated Value Mapping, arXiv 2203.07171).

    With s the scale and x from the whole real line:

    ========  ===================================  =============================================
    identity  ``x``                                ``y``
    log       ``sign(x) ln(1 + |x| / s)``          ``sign(y) s (exp|y| - 1)``
    sqrt      ``sign(x) sqrt(|x| / s)``            ``sign(y) s y^2``
    clip      ``min(max(x, -s), s)``               ``y``: exact inside the bounds only
    rank      mid-rank among those fitted, 0 to 1  quantile, straight lines between those fitted
    z         ``(x - mean) / sd`` of those fitted  ``mean + sd y``
    ========  ===================================  =============================================

    The paper's logarithm takes values above 0 and keeps gains and losses in two channels; the signed form, known as
    symlog (arXiv 2301.04104), holds both in one. Where all values fitted are equal, their rank is 1/2 and their z is
    0, and both inverses give that value.

    Attributes
    ----------
    scale : float
        Above 0; of log, sqrt and clip.
    fitted : ndarray of float64, shape (n,)
        Sorted, without NaN; of rank and z.
    """

    name: MappingName
    scale: float = 1.0
    fitted: Floats = field(default_factory=lambda: np.zeros(0))

    @classmethod
    def of(cls, name: MappingName, values: Floats, scale: float = 1.0) -> ValueMapping:
        """Fitted to values of shape (n,); NaN are left out.

        Raises
        ------
        ValueError
            For a scale that is not above 0.
        """
        if not scale > 0:
            raise ValueError(f"scale {scale:g}: expected a number above 0")
        return cls(name, scale, np.sort(values[~np.isnan(values)]) if name in ("rank", "z") else np.zeros(0))

    def forward(self, values: Floats) -> Floats:
        """Into the mapped space: shape (n,), NaN stays NaN."""
        match self.name:
            case "identity":
                return values
            case "log":
                return np.sign(values) * np.log1p(np.abs(values) / self.scale)
            case "sqrt":
                return np.sign(values) * np.sqrt(np.abs(values) / self.scale)
            case "clip":
                return np.clip(values, -self.scale, self.scale)
            case "rank":
                return self._ranks(values)
            case "z":
                mean, deviation = self._moments()
                return (values - mean) / (deviation or 1.0)

    def inverse(self, mapped: Floats) -> Floats:
        """Out of the mapped space: shape (n,), NaN stays NaN; infinite where the number is too large to hold."""
        match self.name:
            case "identity" | "clip":
                return mapped
            case "log":
                with np.errstate(over="ignore"):
                    return np.sign(mapped) * self.scale * np.expm1(np.abs(mapped))
            case "sqrt":
                with np.errstate(over="ignore"):
                    return np.sign(mapped) * self.scale * mapped**2
            case "rank":
                return self._quantiles(mapped)
            case "z":
                mean, deviation = self._moments()
                return mean + deviation * mapped

    def _ranks(self, values: Floats) -> Floats:
        if not len(self.fitted):
            return np.full(len(values), np.nan)
        below = np.searchsorted(self.fitted, values, "left")
        up_to = np.searchsorted(self.fitted, values, "right")
        # Places count from 0; those of equal values have the mean of theirs, and a value in between half a step.
        place = (below + up_to - 1) / 2
        share = place / (len(self.fitted) - 1) if len(self.fitted) > 1 else np.full(len(values), 0.5)
        return np.where(np.isnan(values), np.nan, np.clip(share, 0.0, 1.0))

    def _quantiles(self, mapped: Floats) -> Floats:
        if not len(self.fitted):
            return np.full(len(mapped), np.nan)
        known = np.unique(self.fitted)
        return np.where(np.isnan(mapped), np.nan, np.interp(mapped, self._ranks(known), known))

    def _moments(self) -> tuple[float, float]:
        """Mean and standard deviation (ddof 0); 0 and 0 where nothing was fitted, exactly v and 0 for n times v."""
        if not len(self.fitted) or self.fitted[0] == self.fitted[-1]:
            return (float(self.fitted[0]) if len(self.fitted) else 0.0), 0.0
        return float(self.fitted.mean()), float(self.fitted.std())


def value_map(rewards: Rows, mapping: MappingName = "log", scale: float = 1.0, direction: str = "forward") -> Rows:
    """``y = f(x)`` or back, ``x = f^-1(y)``: one channel's map (Orchestrated Value Mapping, arXiv 2203.07171).

    The signed logarithm is the symlog of DreamerV3 (arXiv 2301.04104).

    Parameters
    ----------
    rewards : Rows
    mapping : {"identity", "log", "sqrt", "clip"}
        As `ValueMapping` defines them; rank and z need the values that they were fitted to, which a recipe does not
        keep, so they are for `channels` only.
    scale : float
        Above 0.
    direction : {"forward", "inverse"}

    Raises
    ------
    ValueError
        For a scale that is not above 0, or an inverse too large for a number.
    """
    fitted = ValueMapping.of(mapping, rewards.values, scale)
    return rewards.with_values((fitted.inverse if direction == "inverse" else fitted.forward)(rewards.values))


def channels(
    terms: Sequence[Rows],
    weights: Sequence[float],
    mappings: Sequence[MappingName],
    scales: Sequence[float],
    unscored: str = "unscored",
) -> Rows:
    """``r = sum_k w_k f_k(r_k)``: each reward mapped by its own f (arXiv 2203.07171; symlog: arXiv 2301.04104).

    Rank and z are fitted to all scored values of their channel.

    Parameters
    ----------
    terms : sequence of Rows, length k
        All on the same segments.
    weights, mappings, scales : sequences of length k
        See `ValueMapping`.
    unscored : {"unscored", "skip"}
        Where one term has no number: the sum has none either, or it is the sum of the others.

    Raises
    ------
    ValueError
        For terms on different segments, or a scale that is not above 0.
    """
    return weighted_sum(_mapped(terms, mappings, scales), weights, unscored)


def channel_shares(
    terms: Sequence[Rows], weights: Sequence[float], mappings: Sequence[MappingName], scales: Sequence[float]
) -> Floats:
    """``cov(w_k f_k, r) / var(r)``: how much of the total's variance each channel carries.

    Over the segments on which every term is scored. The shares sum to 1; a channel that works against the others has
    a share below 0.

    Returns
    -------
    ndarray of float64, shape (k,)
        NaN where the total does not vary.
    """
    parts = np.array(
        [weight * term.values for weight, term in zip(weights, _mapped(terms, mappings, scales), strict=True)]
    )
    parts = parts[:, ~np.isnan(parts).any(axis=0)]
    total = parts.sum(axis=0)
    if not len(total) or total.min() == total.max():
        return np.full(len(terms), np.nan)
    shares: Floats = parts @ (total - total.mean()) / (len(total) * total.var())
    return shares


def _mapped(terms: Sequence[Rows], mappings: Sequence[MappingName], scales: Sequence[float]) -> list[Rows]:
    return [
        term.with_values(ValueMapping.of(mapping, term.values, scale).forward(term.values))
        for term, mapping, scale in zip(terms, mappings, scales, strict=True)
    ]


_CLOSED: Final = (("identity", "As it is"), ("log", "Logarithm"), ("sqrt", "Square root"), ("clip", "Clip"))
_SCALE: Final = Parameter(
    "scale", "number", 1.0, "Scale", "Of logarithm, square root and clip.", minimum=1e-6, maximum=1e6
)

OPERATORS: Final = (
    Operator(
        name="value_map",
        label="Value mapping",
        family=Family.COMBINE,
        summary="Brings a reward into a space of its own, such as its signed logarithm, or back.",
        formula="y = f(x), or x = f^-1(y)",
        papers=(PAPER, SYMLOG),
        slots=(Slot("rewards", "Rewards"),),
        parameters=(
            Parameter("mapping", "choice", "log", "Mapping", choices=_CLOSED),
            _SCALE,
            Parameter(
                "direction", "choice", "forward", "Direction", choices=(("forward", "Forward"), ("inverse", "Back"))
            ),
        ),
        apply=value_map,
    ),
    Operator(
        name="channels",
        label="Channels",
        family=Family.COMBINE,
        summary="Maps each reward into a space of its own and adds them by weight.",
        formula="r = sum_k w_k f_k(r_k)",
        papers=(PAPER, SYMLOG),
        slots=(
            Slot(
                "terms",
                "Channels",
                many=True,
                per_term=(
                    WEIGHT,
                    Parameter(
                        "mapping",
                        "choice",
                        "identity",
                        "Mapping",
                        choices=(*_CLOSED, ("rank", "Rank"), ("z", "Standard score")),
                    ),
                    _SCALE,
                ),
            ),
        ),
        parameters=(UNSCORED,),
        apply=channels,
    ),
)
