"""Scorers: made from a source and all that decides its numbers; the same content is the same scorer."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

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
    models = dict(endpoints or {})
    declaration = found.declaration
    unfit_artefact = _artefact_problem(declaration, project, models, artefact)
    values = _valid(
        found,
        project,
        dict(parameters or {}),
        models,
        rubric_version,
        uses_task_rubric,
        prompt_version,
        problems={"artefact": [unfit_artefact]} if unfit_artefact else {},
    )
    content = scorer_content(declaration, values, models, rubric_version, uses_task_rubric, prompt_version, artefact)
    content_hash = hash_content(content)
    existing = Scorer.objects.of(project).filter(hash=content_hash).first()
    if existing is not None:
        return _revived(existing)
    name = name or _default_name(declaration, models, rubric_version, uses_task_rubric, prompt_version, artefact)
    try:
        with transaction.atomic():
            rater = Rater.objects.create(
                project=project,
                kind=Rater.Kind.SCORER,
                name=name[:200],
                pseudonym=f"scorer-{content_hash[:12]}",
                scorer_hash=content_hash,
            )
            scorer = Scorer.objects.create(
                project=project,
                rater=rater,
                name=name[:200],
                source=declaration.name,
                source_version=declaration.version,
                parameters=values,
                rubric_version=rubric_version,
                uses_task_rubric=uses_task_rubric,
                prompt_version=prompt_version,
                artefact=artefact,
                content=content,
                hash=content_hash,
                created_by=actor,
            )
            ScorerEndpoint.objects.bulk_create(
                ScorerEndpoint(scorer=scorer, role=role, endpoint=endpoint) for role, endpoint in models.items()
            )
            record_event(actor=actor, verb="scorer.created", project=project, target=scorer, data={"name": name})
    except IntegrityError:
        # Someone made the same one a moment ago.
        return Scorer.objects.of(project).get(hash=content_hash)
    return scorer


def archive_scorer(*, scorer: Scorer, actor: User | None) -> None:
    """Take the scorer out of the lists that offer it; what it has judged stays."""
    with transaction.atomic():
        Scorer.objects.active().filter(pk=scorer.pk).update(archived_at=Now())
        record_event(actor=actor, verb="scorer.archived", project=scorer.project, target=scorer)
    scorer.refresh_from_db()


def scorer_content(
    declaration: Declaration,
    parameters: Mapping[str, object],
    endpoints: Mapping[str, ModelEndpoint],
    rubric_version: RubricVersion | None,
    uses_task_rubric: bool,
    prompt_version: PromptVersion | None = None,
    artefact: Artefact | None = None,
) -> dict[str, Any]:
    """All that decides a scorer's numbers, and nothing else: no name, no address, no credentials."""
    rubric: Any = TASK_RUBRIC if uses_task_rubric else None
    if rubric_version is not None:
        rubric = {"name": rubric_version.rubric.name, "content": rubric_version.content_hash}
    return {
        "source": declaration.name,
        "source_version": declaration.version,
        "parameters": dict(parameters),
        "prompt": prompt_version.content_hash if prompt_version else declaration.prompt_sha256,
        "rubric": rubric,
        "models": {
            role: {part: endpoint.resolved.get(part, "") for part in _IDENTITY} for role, endpoint in endpoints.items()
        },
        # Only where there is one: the hashes of all other scorers stay as they are.
        **({"artefact": artefact.sha256} if artefact else {}),
    }


def _valid(
    source: Source,
    project: Project,
    parameters: dict[str, object],
    endpoints: dict[str, ModelEndpoint],
    rubric_version: RubricVersion | None,
    uses_task_rubric: bool,
    prompt_version: PromptVersion | None,
    problems: Mapping[str, list[str]],
) -> dict[str, Any]:
    """The parameters with defaults; or one AppError that names all that is wrong, `problems` among it."""
    problems = dict(problems)
    values: dict[str, Any] = {}
    try:
        values = dict(validate_parameters(source.declaration.parameters, parameters))
        source.check(values, set(endpoints))
    except ParameterError as error:
        problems |= {name: [message] for name, message in error.problems.items()}
    problems |= _model_problems(source.declaration, project, endpoints, values.get("answer_by"))
    rubric_problem = _rubric_problem(source.declaration, project, rubric_version, uses_task_rubric)
    problems |= {"rubric": [rubric_problem]} if rubric_problem else {}
    prompt_problem = _prompt_problem(source.declaration, project, prompt_version)
    problems |= {"prompt": [prompt_problem]} if prompt_problem else {}
    if problems:
        said = "; ".join(f"{name}: {' '.join(messages)}" for name, messages in problems.items())
        raise AppError(f"This scorer cannot be made: {said}.", code="scorer_invalid", fields=problems)
    return values


def _model_problems(
    declaration: Declaration, project: Project, endpoints: Mapping[str, ModelEndpoint], answer_by: object
) -> dict[str, list[str]]:
    roles = {role.name: role for role in declaration.models}
    problems = {name: [f"{declaration.title} has no such role"] for name in endpoints if name not in roles}
    for name, role in roles.items():
        endpoint = endpoints.get(name)
        if endpoint is None:
            if role.required:
                problems[name] = ["choose a model"]
        elif endpoint.project_id not in {None, project.pk}:
            problems[name] = ["this model belongs to another project"]
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
            problems[role.name] = [f"its vocabulary is not that of “{first[0]}”: their tokens cannot be compared"]
    return problems


def _rubric_problem(
    declaration: Declaration, project: Project, rubric_version: RubricVersion | None, uses_task_rubric: bool
) -> str:
    if rubric_version is not None and rubric_version.project_id != project.pk:
        return "this rubric belongs to another project"
    if Input.CRITERIA not in declaration.inputs:
        return f"{declaration.title} reads no rubric" if rubric_version or uses_task_rubric else ""
    if rubric_version is not None and uses_task_rubric:
        return "choose a rubric or the tasks' own, not both"
    if rubric_version is None and not uses_task_rubric and Input.CRITERIA in declaration.needs:
        return "choose a rubric, or the tasks' own"
    return ""


def _prompt_problem(declaration: Declaration, project: Project, version: PromptVersion | None) -> str:
    if version is None:
        return ""
    if version.prompt.project_id not in {None, project.pk}:
        return "this prompt belongs to another project"
    if declaration.prompt is None:
        return f"{declaration.title} fills no prompt"
    if version.prompt.source != declaration.name:
        return f"{version} is a prompt for {version.prompt.source}, not for {declaration.name}"
    # The source may have other places by now than when the version was saved.
    return template_problem(declaration, version.template)


def _artefact_problem(
    declaration: Declaration, project: Project, endpoints: Mapping[str, ModelEndpoint], artefact: Artefact | None
) -> str:
    if not declaration.artefact:
        return f"{declaration.title} reads no artefact" if artefact else ""
    if artefact is None:
        return "choose an artefact, or fit one first"
    if artefact.project_id != project.pk:
        return "this artefact belongs to another project"
    if artefact.source != declaration.artefact:
        return f"{artefact.name} is a {artefact.source}, expected a {declaration.artefact}"
    base = endpoints.get(declaration.models[0].name)
    return other_base(artefact.parameters.get("base", {}), base.resolved) if base and base.resolved else ""


def _revived(scorer: Scorer) -> Scorer:
    """An archived scorer that is asked for again is offered again."""
    if scorer.archived_at is not None:
        Scorer.objects.filter(pk=scorer.pk).update(archived_at=None)
        scorer.refresh_from_db()
    return scorer


def _default_name(
    declaration: Declaration,
    endpoints: Mapping[str, ModelEndpoint],
    rubric_version: RubricVersion | None,
    uses_task_rubric: bool,
    prompt_version: PromptVersion | None,
    artefact: Artefact | None,
) -> str:
    rubric = [str(rubric_version)] if rubric_version else ["tasks' own rubrics"] if uses_task_rubric else []
    prompt = [str(prompt_version)] if prompt_version else []
    # Its own name says the same as the source's and the model's.
    fitted = [f"artefact {artefact.sha256[:8]}"] if artefact else []
    return " · ".join(
        [declaration.title, *fitted, *rubric, *prompt, *dict.fromkeys(endpoint.name for endpoint in endpoints.values())]
    )
