"""How a campaign checks the people who answer in it: how often, and what follows from it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

from annotations.models import Assignment, Campaign, CampaignItem

Kind = CampaignItem.Kind

LIKE_WORK: Final = (Kind.WORK, Kind.GOLD, Kind.ATTENTION, Kind.REPEAT)
"""Kinds that an annotator cannot tell from each other; training and qualification are announced."""

KNOWN: Final = (Kind.TRAINING, Kind.QUALIFICATION, Kind.GOLD, Kind.ATTENTION)
"""Kinds that have a right answer."""

MIXED: Final = (Kind.ATTENTION, Kind.GOLD, Kind.REPEAT)
"""Kinds that are mixed into the work, the rarest first."""


@dataclass(frozen=True)
class CheckSettings:
    """Numbers that a lead sets; those of a kind that has no items do nothing.

    Attributes
    ----------
    gold_percent, attention_percent, repeat_percent : int
        How many of a hundred items are of this kind, for each person.
    repeat_after : int
        An item is asked again after at least so many others.
    qualification_items : int
        How many items an attempt has; 0 for all that there are.
    qualification_percent : int
        The least share of them that must be right.
    qualification_attempts : int
        How often a person may try, each time with items not seen before.
    pause_after : int
        With so many failed attention checks a person gets no more items until a lead lets them go on, from when on they
        are counted anew; 0 for never.
    tells_gold : bool
        After an item with a known answer the person sees it beside their own, which then stands.
    """

    gold_percent: int = 10
    attention_percent: int = 5
    repeat_percent: int = 0
    repeat_after: int = 10
    qualification_items: int = 0
    qualification_percent: int = 80
    qualification_attempts: int = 1
    pause_after: int = 0
    tells_gold: bool = False

    @classmethod
    def of(cls, campaign: Campaign) -> Self:
        """What is stored with the campaign, over the defaults."""
        return cls(
            **{field.name: campaign.checks[field.name] for field in fields(cls) if field.name in campaign.checks}
        )

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    def percent(self, kind: str) -> int:
        """How many of a hundred items are of this kind."""
        percents: dict[str, int] = {
            Kind.GOLD: self.gold_percent,
            Kind.ATTENTION: self.attention_percent,
            Kind.REPEAT: self.repeat_percent,
        }
        return percents[kind]


def kinds_in_use(campaign: Campaign) -> tuple[str, ...]:
    """The kinds of which there are items with a right answer in force (no query: kept by the actions)."""
    return tuple(campaign.checks.get("kinds", ()))


def is_checked(campaign: Campaign) -> bool:
    """Whether anything was ever set or decided here: people stay paused when the last check is gone (no query)."""
    return bool(campaign.checks)


def is_told(campaign: Campaign, kind: str) -> bool:
    """Whether who has answered an item of this kind is shown what is right."""
    return kind == Kind.TRAINING or (kind == Kind.GOLD and CheckSettings.of(campaign).tells_gold)


def stands_at_once(assignment: Assignment) -> bool:
    """Whether a submit cannot be taken back: it made gold, is compared at once, or was answered by what is right."""
    kind = assignment.item.kind
    return assignment.makes_gold or kind not in LIKE_WORK or is_told(assignment.campaign, kind)


def drawn_kind(campaign: Campaign, user_id: int, n_before: int) -> str | None:
    """Which check comes next after `n_before` items, or None for work.

    Drawn from the campaign's seed, the person and the number: nobody can foresee it, and asking again changes nothing.
    """
    settings, offered = CheckSettings.of(campaign), {*kinds_in_use(campaign), Kind.REPEAT}
    digest = hashlib.sha256(f"{campaign.seed}:{user_id}:{n_before}:check".encode()).digest()
    left = 100 * int.from_bytes(digest[:8], "big") / 2**64
    for kind in MIXED:
        percent = settings.percent(kind) if kind in offered else 0
        if left < percent:
            return kind
        left -= percent
    return None


def counts_of(kind: str, *, makes_gold: bool) -> dict[str, Any]:
    """What a submit to an item of this kind counts for: `work`, `check` (0 or 1) and `person`."""
    counts = not makes_gold and kind in LIKE_WORK
    return {"work": int(counts and kind == Kind.WORK), "check": int(counts and kind != Kind.WORK), "person": counts}
