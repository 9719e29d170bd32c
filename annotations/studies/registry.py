"""The kinds of study by name. To add one, write its file beside these and list it here."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext_noop

from annotations.studies import accuracy, acquisition, agreement, consistency, dense, groups, preference_loss, quality
from projects.models import Project


class StudyKind(NamedTuple):
    name: str
    title: str
    help: str
    compute: Callable[[Project, dict[str, Any]], dict[str, Any]]


KINDS: Final[Mapping[str, StudyKind]] = {
    kind.name: kind
    for kind in (
        StudyKind(
            "consistency",
            gettext_noop("Ratings against comparisons"),
            gettext_noop(
                "Turns ratings into preferences and sets them against direct comparisons of the same outputs "
                "(Peering Through Preferences, ICLR 2024)."
            ),
            consistency.compute,
        ),
        StudyKind(
            "agreement",
            gettext_noop("Agreement between raters"),
            gettext_noop("Krippendorff's alpha among people and scorers, over all and between any two."),
            agreement.compute,
        ),
        StudyKind(
            "accuracy",
            gettext_noop("Scores against preferences"),
            gettext_noop(
                "How often each scorer puts two outputs in the order that people chose, with an interval, and how far "
                "judges follow the order in which the two are shown."
            ),
            accuracy.compute,
        ),
        StudyKind(
            "dense",
            gettext_noop("Dense rewards against human spans"),
            gettext_noop(
                "How well token, step and span rewards find the errors that people marked: ranking of tokens, overlap "
                "of spans, the first error, by type of span, and how their sums go with ratings and preferences."
            ),
            dense.compute,
        ),
        StudyKind(
            "preference_loss",
            gettext_noop("What a preference loss would do"),
            gettext_noop(
                "DPO, LD-DPO, IPO, KTO and SimPO on stored comparisons and the log-probs of two checkpoints: the loss, "
                "how far its margin agrees with people and follows length, and the pull on every token."
            ),
            preference_loss.compute,
        ),
        StudyKind(
            "groups",
            gettext_noop("Groups, difficulty and best of n"),
            gettext_noop(
                "Which tasks’ outputs differ in an outcome and so carry a gradient, how hard each task is, and what "
                "drawing more would give: pass@k, and the best of n by a proxy."
            ),
            groups.compute,
        ),
        StudyKind(
            "quality",
            gettext_noop("Quality of a campaign"),
            gettext_noop(
                "How far the people of one campaign agree on each question, and what each person's answers say: known "
                "answers, repeats, leniency, error rates, pace and patterns."
            ),
            quality.compute,
        ),
        StudyKind(
            "acquisition",
            gettext_noop("What to ask next"),
            gettext_noop(
                "Strategies that choose the next pair or output, played against simulated annotators of known noise "
                "before people are asked: regret answer by answer, and how often each finds the best."
            ),
            acquisition.compute,
        ),
    )
}
