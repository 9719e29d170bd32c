"""Judge prompts of a project: a template in versions that never change."""

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from workers.models import Prompt, PromptVersion
from workers.sources.contract import Declaration
from workers.sources.prompts import PromptError, text_sha256
from workers.sources.registry import UnknownSourceError, source_named

_MOST_NAME = 100


def create_prompt(*, project: Project, source: str, name: str, template: str, actor: User | None) -> PromptVersion:
    """A prompt with its first version.

    Raises
    ------
    AppError
        ``source_unknown``; ``prompt_invalid`` with messages by field; ``prompt_name_taken`` (409).
    """
    declaration = declared(source)
    name = name.strip()
    if not name or len(name) > _MOST_NAME:
        raise _invalid("name", f"expected 1 to {_MOST_NAME} characters")
    template = _checked(declaration, template)
    try:
        with transaction.atomic():
            prompt = Prompt.objects.create(project=project, source=source, name=name)
            return _add_version(prompt, template, number=1, actor=actor)
    except IntegrityError as error:
        raise AppError(
            gettext("There is a prompt %(name)s for %(title)s already: give that one a new version.")
            % {"name": repr(name), "title": gettext(declaration.title)},
            code="prompt_name_taken",
            status=409,
            fields={"name": [gettext("this name is taken")]},
        ) from error


def add_prompt_version(*, prompt: Prompt, template: str, actor: User | None) -> PromptVersion:
    """The next version; the newest one where it says the same already. Older versions stay with their scorers.

    Raises
    ------
    AppError
        ``source_unknown`` or ``prompt_invalid``.
    """
    template = _checked(declared(prompt.source), template)
    with transaction.atomic():
        # One at a time, so that two who save at once get two numbers.
        Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
        newest = prompt.versions.order_by("-number").first()
        if newest is not None and newest.content_hash == text_sha256(template):
            return newest
        highest = prompt.versions.aggregate(highest=Max("number"))["highest"] or 0
        return _add_version(prompt, template, number=highest + 1, actor=actor)


def declared(source: str) -> Declaration:
    """The declaration of a source that fills a prompt.

    Raises
    ------
    AppError
        ``source_unknown``; ``prompt_invalid`` where the source has no prompt.
    """
    try:
        declaration = source_named(source).declaration
    except UnknownSourceError as error:
        raise AppError(f"{str(error)[0].upper()}{str(error)[1:]}.", code="source_unknown") from error
    if declaration.prompt is None:
        raise _invalid("source", gettext("%(title)s fills no prompt") % {"title": gettext(declaration.title)})
    return declaration


def template_problem(declaration: Declaration, template: str) -> str:
    """Why the source cannot fill the template; empty where it can."""
    assert declaration.prompt is not None
    try:
        declaration.prompt.check(template)
        template.encode()
    except PromptError as error:
        return str(error)
    except UnicodeEncodeError as error:
        return gettext("character %(start)s is half of a pair: expected whole characters") % {"start": error.start + 1}
    return gettext("a NUL character cannot be stored") if "\x00" in template else ""


def _checked(declaration: Declaration, template: str) -> str:
    """With the line ends that the template's hash is taken over, whichever way a browser sent them."""
    template = template.replace("\r\n", "\n").replace("\r", "\n")
    if problem := template_problem(declaration, template):
        raise _invalid("template", problem)
    return template


def _add_version(prompt: Prompt, template: str, *, number: int, actor: User | None) -> PromptVersion:
    version = PromptVersion.objects.create(
        prompt=prompt, number=number, template=template, content_hash=text_sha256(template), created_by=actor
    )
    record_event(
        actor=actor,
        verb="prompt.versioned",
        project=prompt.project,
        target=version,
        data={"name": prompt.name, "number": number, "source": prompt.source},
    )
    return version


def _invalid(field: str, message: str) -> AppError:
    return AppError(
        gettext("This prompt cannot be saved: %(field)s: %(message)s.") % {"field": field, "message": message},
        code="prompt_invalid",
        fields={field: [message]},
    )
