"""Scorers: made from a source and all that decides its numbers; the same content is the same scorer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.models import Rater, RubricVersion
from rewards.parameters import ParameterError, validate_parameters
from workers.actions.prompts import template_problem
from workers.catalogue import unfit
from workers.inputs import hash_content
from workers.models import Artefact, ModelEndpoint, PromptVersion, Scorer, ScorerEndpoint
from workers.sources.contract import Declaration, Input, Source
from workers.sources.fitted.weights import other_base
from workers.sources.registry import UnknownSourceError, source_named

TASK_RUBRIC = "the task's own rubric"
_IDENTITY = ("weights", "tokenizer", "chat_template", "dtype", "pinned")


@dataclass(frozen=True)
class _Parts:
    """What a scorer is made of beside its parameters."""

    declaration: Declaration
    endpoints: Mapping[str, ModelEndpoint]
    rubric_version: RubricVersion | None
    uses_task_rubric: bool
    prompt_version: PromptVersion | None
    artefact: Artefact | None


def create_scorer(
    *,
    project: Project,
    source: str,
    actor: User | None,
    parameters: Mapping[str, object] | None = None,
    endpoints: Mapping[str, ModelEndpoint] | None = None,
    rubric_version: RubricVersion | None = None,
    uses_task_rubric: bool = False,
    prompt_version: PromptVersion | None = None,
    artefact: Artefact | None = None,
    name: str = "",
) -> Scorer:
    """The scorer of this content, made with its rater where there is none.

    Parameters
    ----------
    source : str
        A name in the registry.
    parameters : mapping
        Where not given, the source's defaults.
    endpoints : mapping of role to ModelEndpoint
    rubric_version, uses_task_rubric
        One of both, where the source needs criteria.
    prompt_version : PromptVersion or None
        A template of the project's own, with `prompt` loaded; None for the one that the source comes with.
    artefact : Artefact or None
        The fitted weights that the source reads.
    name : str
        For people; without it one is made of source, rubric, prompt and models. An existing scorer keeps its name.

    Raises
    ------
    AppError
        ``source_unknown`` or ``scorer_invalid`` with messages by field: parameter, role of a model, ``rubric``,
        ``prompt`` or ``artefact``.
    """
    try:
        found = source_named(source)
    except UnknownSourceError as error:
        raise AppError(f"{str(error)[0].upper()}{str(error)[1:]}.", code="source_unknown") from error
    parts = _Parts(found.declaration, dict(endpoints or {}), rubric_version, uses_task_rubric, prompt_version, artefact)
    values = _valid(found, project, parts, dict(parameters or {}))
    content = _content(parts, values)
    existing = Scorer.objects.of(project).filter(hash=hash_content(content)).first()
    if existing is not None:
        return _revived(existing)
    try:
        return _stored(project, parts, values, content, name=(name or _default_name(parts))[:200], actor=actor)
    except IntegrityError:
        # Someone made the same one a moment ago.
        return Scorer.objects.of(project).get(hash=hash_content(content))


def archive_scorer(*, scorer: Scorer, actor: User | None) -> None:
    """Take the scorer out of the lists that offer it; what it has judged stays."""
    with transaction.atomic():
        Scorer.objects.active().filter(pk=scorer.pk).update(archived_at=Now())
        record_event(actor=actor, verb="scorer.archived", project=scorer.project, target=scorer)
    scorer.refresh_from_db()


def _content(parts: _Parts, parameters: Mapping[str, object]) -> dict[str, Any]:
    """All that decides a scorer's numbers, and nothing else: no name, no address, no credentials."""
    rubric: Any = TASK_RUBRIC if parts.uses_task_rubric else None
    if parts.rubric_version is not None:
        rubric = {"name": parts.rubric_version.rubric.name, "content": parts.rubric_version.content_hash}
    prompt_sha256 = parts.prompt_version.content_hash if parts.prompt_version else parts.declaration.prompt_sha256
    return {
        "source": parts.declaration.name,
        "source_version": parts.declaration.version,
        "parameters": dict(parameters),
        "prompt": prompt_sha256,
        "rubric": rubric,
        "models": {
            role: {part: endpoint.resolved.get(part, "") for part in _IDENTITY}
            for role, endpoint in parts.endpoints.items()
        },
        # Only where there is one: the hashes of all other scorers stay as they are.
        **({"artefact": parts.artefact.sha256} if parts.artefact else {}),
    }


def _stored(
    project: Project, parts: _Parts, values: dict[str, Any], content: dict[str, Any], *, name: str, actor: User | None
) -> Scorer:
    content_hash = hash_content(content)
    with transaction.atomic():
        rater = Rater.objects.create(
            project=project,
            kind=Rater.Kind.SCORER,
            name=name,
            pseudonym=f"scorer-{content_hash[:12]}",
            scorer_hash=content_hash,
        )
        scorer = Scorer.objects.create(
            project=project,
            rater=rater,
            name=name,
            source=parts.declaration.name,
            source_version=parts.declaration.version,
            parameters=values,
            rubric_version=parts.rubric_version,
            uses_task_rubric=parts.uses_task_rubric,
            prompt_version=parts.prompt_version,
            artefact=parts.artefact,
            content=content,
            hash=content_hash,
            created_by=actor,
        )
        ScorerEndpoint.objects.bulk_create(
            ScorerEndpoint(scorer=scorer, role=role, endpoint=endpoint) for role, endpoint in parts.endpoints.items()
        )
        record_event(actor=actor, verb="scorer.created", project=project, target=scorer, data={"name": name})
    return scorer


def _valid(source: Source, project: Project, parts: _Parts, parameters: dict[str, object]) -> dict[str, Any]:
    """The parameters with defaults; or one AppError that names all that is wrong."""
    declaration = parts.declaration
    values: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    try:
        values = dict(validate_parameters(declaration.parameters, parameters))
        source.check(values, set(parts.endpoints))
    except ParameterError as error:
        problems = {name: [message] for name, message in error.problems.items()}
    problems |= _model_problems(declaration, project, parts.endpoints, values.get("answer_by"))
    others = {
        "rubric": _rubric_problem(declaration, project, parts.rubric_version, parts.uses_task_rubric),
        "prompt": _prompt_problem(declaration, project, parts.prompt_version),
        "artefact": _artefact_problem(declaration, project, parts.endpoints, parts.artefact),
    }
    problems |= {field: [problem] for field, problem in others.items() if problem}
    if problems:
        said = "; ".join(f"{name}: {' '.join(messages)}" for name, messages in problems.items())
        raise AppError(
            gettext("This scorer cannot be made: %(said)s.") % {"said": said}, code="scorer_invalid", fields=problems
        )
    return values


def _model_problems(
    declaration: Declaration, project: Project, endpoints: Mapping[str, ModelEndpoint], answer_by: object
) -> dict[str, list[str]]:
    roles = {role.name: role for role in declaration.models}
    problems = {
        name: [gettext("%(title)s has no such role") % {"title": gettext(declaration.title)}]
        for name in endpoints
        if name not in roles
    }
    for name, role in roles.items():
        endpoint = endpoints.get(name)
        if endpoint is None:
            if role.required:
                problems[name] = [gettext("choose a model")]
        elif endpoint.project_id not in {None, project.pk}:
            problems[name] = [gettext("this model belongs to another project")]
        elif obstacle := unfit(role, endpoint, answer_by=answer_by):
            problems[name] = [obstacle]
    return _vocabulary_problems(declaration, endpoints) | problems


def _vocabulary_problems(declaration: Declaration, endpoints: Mapping[str, ModelEndpoint]) -> dict[str, list[str]]:
    """Of models whose tokens are compared, those with another vocabulary than the first, where both are known."""
    problems: dict[str, list[str]] = {}
    first: tuple[str, str] | None = None
    for role in declaration.models:
        known = endpoints[role.name].resolved.get("vocabulary", "") if role.name in endpoints else ""
        if not (role.compares_tokens and known):
            continue
        first = first or (role.label, known)
        if known != first[1]:
            problems[role.name] = [
                gettext("its vocabulary is not that of “%(first)s”: their tokens cannot be compared")
                % {"first": gettext(first[0])}
            ]
    return problems


def _rubric_problem(
    declaration: Declaration, project: Project, rubric_version: RubricVersion | None, uses_task_rubric: bool
) -> str:
    if rubric_version is not None and rubric_version.project_id != project.pk:
        return gettext("this rubric belongs to another project")
    if Input.CRITERIA not in declaration.inputs:
        return (
            gettext("%(title)s reads no rubric") % {"title": gettext(declaration.title)}
            if rubric_version or uses_task_rubric
            else ""
        )
    if rubric_version is not None and uses_task_rubric:
        return gettext("choose a rubric or the tasks' own, not both")
    if rubric_version is None and not uses_task_rubric and Input.CRITERIA in declaration.needs:
        return gettext("choose a rubric, or the tasks' own")
    return ""


def _prompt_problem(declaration: Declaration, project: Project, version: PromptVersion | None) -> str:
    if version is None:
        return ""
    if version.prompt.project_id not in {None, project.pk}:
        return gettext("this prompt belongs to another project")
    if declaration.prompt is None:
        return gettext("%(title)s fills no prompt") % {"title": gettext(declaration.title)}
    if version.prompt.source != declaration.name:
        return gettext("%(version)s is a prompt for %(other)s, not for %(source)s") % {
            "version": version,
            "other": version.prompt.source,
            "source": declaration.name,
        }
    # The source may have other places by now than when the version was saved.
    return template_problem(declaration, version.template)


def _artefact_problem(
    declaration: Declaration, project: Project, endpoints: Mapping[str, ModelEndpoint], artefact: Artefact | None
) -> str:
    if not declaration.artefact:
        return gettext("%(title)s reads no artefact") % {"title": gettext(declaration.title)} if artefact else ""
    if artefact is None:
        return gettext("choose an artefact, or fit one first")
    if artefact.project_id != project.pk:
        return gettext("this artefact belongs to another project")
    if artefact.source != declaration.artefact:
        return gettext("%(name)s is a %(source)s, expected a %(artefact)s") % {
            "name": artefact.name,
            "source": artefact.source,
            "artefact": declaration.artefact,
        }
    base = endpoints.get(declaration.models[0].name)
    return other_base(artefact.parameters.get("base", {}), base.resolved) if base and base.resolved else ""


def _revived(scorer: Scorer) -> Scorer:
    """An archived scorer that is asked for again is offered again."""
    if scorer.archived_at is not None:
        Scorer.objects.filter(pk=scorer.pk).update(archived_at=None)
        scorer.refresh_from_db()
    return scorer


def _default_name(parts: _Parts) -> str:
    shared = [str(parts.rubric_version)] if parts.rubric_version else []
    rubric = shared or (["tasks' own rubrics"] if parts.uses_task_rubric else [])
    prompt = [str(parts.prompt_version)] if parts.prompt_version else []
    # Its own name says the same as the source's and the model's.
    fitted = [f"artefact {parts.artefact.sha256[:8]}"] if parts.artefact else []
    models = dict.fromkeys(endpoint.name for endpoint in parts.endpoints.values())
    return " · ".join([parts.declaration.title, *fitted, *rubric, *prompt, *models])
