"""What people who left have left behind goes in pieces, each with the record of it, until nothing is left."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from projects.actions.audit import record_event
from projects.actions.letters import Reader, operators, tell_of_departure, tell_of_last_piece
from projects.actions.pieces import in_pieces
from projects.encryption import decrypt, encrypt
from projects.errors import AppError
from projects.holdings import LeavingRule, all_holdings
from projects.languages import letter_language
from projects.models import Departure, Erasure, Fate, Project, User


def plan_departure(*, user: User, actor: User, fates: Mapping[int, Fate]) -> None:
    """Have a worker erase what `user` leaves in these projects; call it while the account still has its address.

    Whoever left nothing behind needs no worker, and gets one letter instead of two.
    """
    by_key = {str(pk): str(fate) for pk, fate in fates.items()}
    is_work_left = any(rule.rows(user, project).exists() for project, rule in _work(user, by_key))
    sealed = _sealed(user) if is_work_left else ""
    tell_of_departure(user=user, actor=actor, is_work_left=is_work_left, hears_again=bool(sealed))
    if not is_work_left:
        return
    Departure.objects.create(user=user, asked_by=actor, fates=by_key, letter_to=sealed)
    from projects.tasks import finish_departures

    # Beat sends what a lost message leaves.
    transaction.on_commit(finish_departures.delay, robust=True)


def finish_due_departures() -> int:
    """Erase what is left of everybody who is gone; how many have nothing left now. One that was cut off goes on."""
    due = Departure.objects.filter(finished_at=None).select_related("user").order_by("asked_at", "pk")
    return sum(_finish(departure) for departure in due)


def known_in(project: Project, user: User) -> str:
    """Under which name readers of the project know the person; empty where they do not."""
    return next((name for part in all_holdings() if (name := part.pseudonym_of(user, project))), "")


def _finish(departure: Departure) -> bool:
    user = departure.user
    for project, rule in _work(user, departure.fates):
        erase = partial(_erase_piece, rule, user, project)
        for _ in in_pieces(rule.rows(user, project), erase=erase):
            pass
    return _close(departure)


def _work(user: User, fates: Mapping[str, str]) -> Iterator[tuple[Project, LeavingRule]]:
    """Every rule that holds for the person, by project; projects that are gone took everything along."""
    for project in Project.objects.filter(pk__in=fates).order_by("pk"):
        fate = Fate(fates[str(project.pk)])
        for holdings in all_holdings():
            for rule in holdings.leaving:
                if fate in rule.fates:
                    yield project, rule


def _erase_piece(rule: LeavingRule, user: User, project: Project, keys: list[Any]) -> bool:
    count = rule.erase(keys)
    if rule.counted and count:
        counts = {rule.counted: count}
        known_as = known_in(project, user)
        Erasure.objects.create(project=project, cause=Erasure.Cause.PERSON_LEFT, pseudonym=known_as, counts=counts)
        data = {"user": user.username, **counts}
        record_event(actor=None, verb="member.work_erased", project=project, target=user, data=data)
    return True


@transaction.atomic
def _close(departure: Departure) -> bool:
    """Forget the address and tell it that all is gone; False where another worker was first."""
    user = departure.user
    readers = [*_opened(departure.letter_to), *operators(user, departure.asked_by)]
    open_one = Departure.objects.filter(pk=departure.pk, finished_at=None)
    if not open_one.update(finished_at=timezone.now(), letter_to=""):
        return False
    record_event(actor=None, verb="user.work_erased", target=user, data={"user": user.username})
    tell_of_last_piece(pseudonym=user.username, readers=readers)
    return True


def _sealed(user: User) -> str:
    """Where and in which language the person hears that all is gone, encrypted; empty where nothing can be kept."""
    if not user.email:
        return ""
    try:
        return encrypt(f"{letter_language(user)} {user.email}")
    except AppError:
        # A server that can keep no secret keeps no address of somebody who is gone: the first letter is the only one.
        return ""


def _opened(sealed: str) -> list[Reader]:
    try:
        language, _, address = decrypt(sealed).partition(" ") if sealed else ("", "", "")
    except AppError:
        # The operator's secret has changed since.
        return []
    return [Reader(address, language, True)] if address else []
