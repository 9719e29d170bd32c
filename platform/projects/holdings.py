"""What the apps above keep of people and projects, for whoever has to count, erase or stop it.

This app knows people and projects only: each app registers its own holdings when it is ready.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import QuerySet

from projects.models import Fate, Project, User


class Wording(NamedTuple):
    """How a number of things reads, such as "judgments"; `key` is its name in JSON."""

    key: str
    words: str


class RetentionRule(NamedTuple):
    """Rows of one table that are older than a time, and how they go.

    Attributes
    ----------
    rows
        Those that are due; a row that went, or was emptied, is none of them any more.
    erase
        Given keys of at most `projects.actions.pieces.PIECE_ROWS` of them, in the transaction that records it.
    counts
        Whether a row is a thing of its own in previews and records, or goes beside one that is.
    """

    rows: Callable[[Project, datetime], QuerySet[Any]]
    erase: Callable[[list[Any]], object]
    counts: bool = True


class LeavingRule(NamedTuple):
    """Rows of one table that go with a person, in a project.

    Attributes
    ----------
    rows
        What is left of them.
    erase
        Given keys of at most `projects.actions.pieces.PIECE_ROWS` of them, in the transaction that records it; how
        many things went that are counted.
    counted
        Under which key of `WORDS`; empty for what goes uncounted.
    fates
        Under which fates of judgments the rows go; the others keep them.
    """

    rows: Callable[[User, Project], QuerySet[Any]]
    erase: Callable[[list[Any]], int]
    counted: str = ""
    fates: frozenset[Fate] = frozenset(Fate)


@dataclass(frozen=True)
class Holdings:
    """One app's answers; what is left out, the app has none of.

    Attributes
    ----------
    projects_of
        Keys of the projects in which the app keeps something of a person, a member or not.
    of_person
        What it keeps of a person in a project, by the key of a wording.
    part_with
        What cannot wait when a person goes: leases end, names become pseudonyms. A few statements in the transaction
        in which the account goes; how much is kept under a pseudonym, by the key of a wording.
    leaving
        What goes afterwards, a piece at a time, in this order.
    pseudonym_of
        Under which name readers of the project know the person; empty where they do not.
    stop
        End what runs by itself in a project that goes.
    files_of
        Names in the default storage that belong to a project.
    consents_of
        Of a project's campaigns: which consent text is in force, and how many agreed (see rewards.formats.cards).
    retention
        Rules by kind of `projects.retention.KINDS`, in the order in which their rows go.
    """

    app: str
    projects_of: Callable[[User], Iterable[int]] = lambda user: ()
    of_person: Callable[[User, Project], Mapping[str, int]] = lambda user, project: {}
    part_with: Callable[[User, Project], Mapping[str, int]] = lambda user, project: {}
    leaving: Sequence[LeavingRule] = ()
    pseudonym_of: Callable[[User, Project], str] = lambda user, project: ""
    stop: Callable[[Project, User | None], None] = lambda project, actor: None
    files_of: Callable[[Project], Iterable[str]] = lambda project: ()
    consents_of: Callable[[Project], Iterable[Mapping[str, Any]]] = lambda project: ()
    retention: Mapping[str, Sequence[RetentionRule]] = field(default_factory=dict)


WORDS = {
    wording.key: wording.words
    for wording in (
        Wording("judgments", "judgments"),
        Wording("submissions", "submitted answers as they were sent"),
        Wording("drafts", "drafts"),
        Wording("consents", "consents"),
        Wording("replies", "raw replies of models"),
        Wording("withdrawn", "judgments taken back, erased"),
        Wording("work_records", "records of people's work in closed campaigns"),
        Wording("judgments_purged", "judgments erased"),
        Wording("judgments_pseudonymised", "judgments kept under a pseudonym"),
        Wording("submissions_purged", "submitted answers erased"),
        Wording("consents_purged", "consents erased"),
    )
}

IN_DATASETS = ("judgments_purged", "judgments_pseudonymised", "withdrawn")
"""What a dataset may have held, or been made without; the rest never enters one."""

_holdings: list[Holdings] = []


def register_holdings(holdings: Holdings) -> None:
    """Called once by each app when it is ready."""
    if all(known.app != holdings.app for known in _holdings):
        _holdings.append(holdings)


def all_holdings() -> list[Holdings]:
    """The upper apps first: what they keep points at what those below keep."""
    return _holdings[::-1]


def in_words(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """What is not zero, in the order of `WORDS`, each with how it reads."""
    order = list(WORDS)
    known = sorted(counts, key=lambda key: order.index(key) if key in order else len(order))
    return [(WORDS.get(key, key.replace("_", " ")), counts[key]) for key in known if counts[key]]


def of_datasets(counts: Mapping[str, int]) -> dict[str, int]:
    """Of what was erased, that which concerns datasets."""
    return {key: counts[key] for key in IN_DATASETS if counts.get(key)}


def counted(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The counts of several apps as one."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)
