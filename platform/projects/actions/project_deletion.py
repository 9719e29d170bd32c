"""A project goes: hidden at once, restored on demand for some days, then erased row by row in the background."""

from datetime import timedelta
from typing import NamedTuple

from django.apps import apps
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.actions.letters import tell_of_erased_project, tell_of_marked_project
from projects.erasing import erasing
from projects.errors import AppError
from projects.holdings import all_holdings
from projects.models import AuditEvent, Membership, Project, User

CHUNK_ROWS = 5_000
"""Rows erased in one transaction: other people's requests wait for no more than these."""

Model = type[models.Model]


class Table(NamedTuple):
    """A table whose rows belong to one project, and the path from its rows to the project."""

    model: Model
    path: str


@transaction.atomic
def ask_for_deletion(*, project: Project, actor: User, typed: str) -> Project:
    """Hide the project from everybody, stop what runs in it, and erase it once the time to restore it is over.

    Raises
    ------
    AppError
        ``name_differs`` unless `typed` is the project's address; ``already_asked`` (409).
    """
    if typed.strip() != project.slug:
        message = gettext("Type %(slug)s to delete it.") % {"slug": project.slug}
        raise AppError(message, code="name_differs", fields={"typed": [message]})
    now = timezone.now()
    due = now + timedelta(days=settings.PROJECT_RESTORE_DAYS)
    asked = Project.objects.filter(pk=project.pk, deletion_asked_at=None).update(
        deletion_asked_at=now, deletion_due_at=due, deletion_asked_by=actor
    )
    if not asked:
        raise AppError(gettext("This project is marked for deletion already."), code="already_asked", status=409)
    for holdings in all_holdings():
        holdings.stop(project, actor)
    data = {"name": project.name, "due": due.date().isoformat()}
    record_event(actor=actor, verb="project.deletion_asked", project=project, target=project, data=data)
    project.refresh_from_db()
    tell_of_marked_project(project=project, actor=actor)
    return project


@transaction.atomic
def restore_project(*, project: Project, actor: User) -> None:
    """Show the project again, as it was; runs that were stopped stay so.

    Raises
    ------
    AppError
        ``too_late`` (409) once its erasing has begun.
    """
    restored = Project.objects.filter(pk=project.pk, deletion_asked_at__isnull=False, deletion_progress={}).update(
        deletion_asked_at=None, deletion_due_at=None, deletion_asked_by=None
    )
    if not restored:
        raise AppError(gettext("It is being erased and cannot be restored any more."), code="too_late", status=409)
    record_event(actor=actor, verb="project.restored", project=project, target=project)


def erase_now(*, project: Project, actor: User) -> None:
    """Give up the days in which it could be restored; a worker erases it."""
    with transaction.atomic():
        marked = Project.objects.filter(pk=project.pk, deletion_asked_at__isnull=False)
        marked.update(deletion_due_at=timezone.now(), deletion_asked_by=actor)
        record_event(actor=actor, verb="project.deletion_hastened", project=project, target=project)
        from projects.tasks import delete_due_projects

        # Beat sends what a lost message leaves.
        transaction.on_commit(delete_due_projects.delay, robust=True)


def erase_due_projects() -> int:
    """Erase every project whose time is over; how many are gone. One that was interrupted goes on where it was."""
    gone = 0
    for pk in list(Project.objects.due_for_deletion().values_list("pk", flat=True)):
        gone += erase_project(pk)
    return gone


def erase_project(pk: int) -> bool:
    """Erase the rows of a project, then its files, then itself; False if somebody else is at it or restored it.

    Rows go in transactions of `CHUNK_ROWS`, what points at others before what it points at: an interruption leaves a
    smaller project that nobody sees, and the next call goes on.
    """
    with connection.cursor() as cursor:
        # One worker at a time, whatever beat says; the lock ends with the session if the worker dies.
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, pk])
        if not cursor.fetchone()[0]:
            return False
    try:
        return _erase(pk)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, pk])


_LOCK = 0x52756272  # "Rubr": apart from advisory locks of other programs in the same database


def _erase(pk: int) -> bool:
    project = Project.objects.due_for_deletion().filter(pk=pk).first()
    if project is None:
        return False
    tables = tables_of_projects()
    if not project.deletion_progress:
        total = sum(_rows(table, pk).count() for table in tables)
        # From here on it cannot be restored; whoever restored it a moment ago wins.
        begun = Project.objects.due_for_deletion().filter(pk=pk, deletion_progress={})
        if not begun.update(deletion_progress={"rows_total": total, "rows_gone": 0}):
            return False
    files = {name for holdings in all_holdings() for name in holdings.files_of(project)}
    # Files before the rows that name them: an interruption must not leave a file that nobody knows of.
    for name in sorted(files):
        default_storage.delete(name)
    _cut_cycles(tables, pk)
    for table in tables:
        while gone := _erase_some(table, pk):
            _note_progress(pk, gone)
    _erase_itself(project)
    return True


def _erase_itself(project: Project) -> None:
    with transaction.atomic():
        actor = project.deletion_asked_by
        project = Project.objects.select_for_update().get(pk=project.pk)
        rows = project.deletion_progress.get("rows_gone", 0)
        data = {"name": project.name, "slug": project.slug, "rows": rows}
        AuditEvent.objects.create(
            actor=actor, verb="project.erased", object_type="project", object_id=str(project.pk), data=data
        )
        tell_of_erased_project(project=project, rows=rows)
        Project.objects.filter(pk=project.pk)._raw_delete("default")


def _rows(table: Table, pk: int) -> models.QuerySet[models.Model]:
    return table.model._base_manager.filter(**{table.path: pk})


def _erase_some(table: Table, pk: int) -> int:
    """Newest first: a correction goes before what it corrects."""
    keys = list(_rows(table, pk).order_by("-pk").values_list("pk", flat=True)[:CHUNK_ROWS])
    if not keys:
        return 0
    with erasing():
        return table.model._base_manager.filter(pk__in=keys)._raw_delete("default")


def _note_progress(pk: int, gone: int) -> None:
    with transaction.atomic():
        project = Project.objects.select_for_update().get(pk=pk)
        progress = project.deletion_progress
        progress["rows_gone"] = progress.get("rows_gone", 0) + gone
        Project.objects.filter(pk=pk).update(deletion_progress=progress)


def _cut_cycles(tables: list[Table], pk: int) -> None:
    """Let rows forget those that go before them: of their own table, or where two tables point at each other."""
    place = {table.model: index for index, table in enumerate(tables)}
    for table in tables:
        for f in table.model._meta.concrete_fields:
            if f.null and f.related_model in place and place[f.related_model] <= place[table.model]:
                with erasing():
                    _rows(table, pk).filter(**{f"{f.name}__isnull": False}).update(**{f.name: None})


def tables_of_projects() -> list[Table]:
    """Every table whose rows go with a project, in an order in which no row is pointed at when it goes.

    Read from the models themselves: a table that is added later goes too. Memberships go last: owners look on.
    """
    paths: dict[Model, str] = {Project: "pk"}
    every = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]
    while True:
        found = {model: path for model in every if model not in paths and (path := _path(model, paths))}
        if not found:
            break
        paths |= found
    del paths[Project]
    ordered = sorted(_children_first(list(paths)), key=lambda model: model is Membership)
    return [Table(model, paths[model]) for model in ordered]


def _path(model: Model, paths: dict[Model, str]) -> str:
    """The way from a row to its project by keys that go with what they point at; the shortest that is known."""
    found = [
        f.name if f.related_model is Project else f"{f.name}__{paths[f.related_model]}"
        for f in model._meta.concrete_fields
        if f.related_model in paths and getattr(f.remote_field, "on_delete", None) is models.CASCADE
    ]
    return min(found, key=len, default="")


def _children_first(tables: list[Model]) -> list[Model]:
    """Order by who points at whom; where two point at each other, optional keys do not count: they are cut first."""
    ordered: list[Model] = []
    left = list(tables)
    while left:
        free = [model for model in left if not _pointed_at(model, left, optional=True)]
        free = free or [model for model in left if not _pointed_at(model, left, optional=False)]
        if not free:
            raise ValueError(f"tables that point at each other by required keys: {left}")
        ordered += free
        left = [model for model in left if model not in free]
    return ordered


def _pointed_at(model: Model, by: list[Model], *, optional: bool) -> bool:
    return any(
        f.related_model is model and (optional or not f.null)
        for other in by
        if other is not model
        for f in other._meta.concrete_fields
    )
