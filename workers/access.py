"""Who may see and change models, scorers and runs: the only door, for pages, API and sockets alike.

All of it names policies and shows results, so it takes the capability to view; starting and stopping takes managing.
"""

from typing import TypeVar

from django.db.models import QuerySet
from django.http import Http404

from projects.access import Capability, project_for
from projects.models import Project, User
from rewards.models import Output, RubricVersion
from workers.models import Artefact, Attempt, Fit, ModelEndpoint, Prompt, PromptVersion, RubricProposal, Run, Scorer

Row = TypeVar("Row", Artefact, Fit, RubricProposal, Scorer, Run)


def endpoint_for(user: User, slug: str, pk: int, *, needs: Capability = Capability.VIEW) -> ModelEndpoint:
    """A model that the project may use; with MANAGE only one of its own (two queries)."""
    project = project_for(user, slug, needs=needs)
    offered = ModelEndpoint.objects.offered_to(project)
    if needs == Capability.MANAGE:
        offered = offered.filter(project=project)
    endpoint = offered.filter(pk=pk).first()
    if endpoint is None:
        raise Http404
    return endpoint


def scorer_for(user: User, slug: str, pk: int) -> Scorer:
    """A scorer to read."""
    return _of_project(user, slug, Scorer.objects.for_list(), pk, needs=Capability.VIEW)


def manageable_scorer_for(user: User, slug: str, pk: int) -> Scorer:
    """A scorer that `user` may archive; 403 for who may only read it."""
    return _of_project(user, slug, Scorer.objects.for_list(), pk, needs=Capability.MANAGE)


def run_for(user: User, slug: str, pk: int) -> Run:
    """A run to read (two queries)."""
    return _of_project(user, slug, Run.objects.with_scorer(), pk, needs=Capability.VIEW)


def manageable_run_for(user: User, slug: str, pk: int) -> Run:
    """A run that `user` may cancel, resume or try again; 403 for who may only read it."""
    return _of_project(user, slug, Run.objects.with_scorer(), pk, needs=Capability.MANAGE)


def proposal_for(user: User, slug: str, pk: int, *, needs: Capability = Capability.VIEW) -> RubricProposal:
    """A rubric proposal to read, or with MANAGE to decide on, with what it is about (three queries)."""
    rows = RubricProposal.objects.select_related(
        "rubric", "task", "endpoint", "created_by", "decided_by", "base_version", "accepted_version"
    ).prefetch_related("base_version__criteria")
    return _of_project(user, slug, rows, pk, needs=needs)


def artefact_for(user: User, slug: str, pk: int) -> Artefact:
    """An artefact to read, with the export that it was fitted on (two queries)."""
    return _of_project(user, slug, Artefact.objects.for_list(), pk, needs=Capability.VIEW)


def fit_for(user: User, slug: str, pk: int, *, needs: Capability = Capability.VIEW) -> Fit:
    """A fit to follow, or with MANAGE to cancel or try again (two queries)."""
    rows = Fit.objects.select_related("export", "endpoint", "artefact", "created_by")
    return _of_project(user, slug, rows.defer("export__manifest"), pk, needs=needs)


def attempt_for(user: User, slug: str, pk: int) -> Attempt:
    """An attempt with its traceback, for managers: it quotes code and inputs."""
    project = project_for(user, slug, needs=Capability.MANAGE)
    attempts = Attempt.objects.select_related("item__run", "output__task").defer(
        "output__messages", "output__task__messages"
    )
    attempt = attempts.filter(project=project, pk=pk).first()
    if attempt is None:
        raise Http404
    attempt.project = project
    return attempt


def rubric_version_in(project: Project, pk: int) -> RubricVersion:
    """A version of one of the project's shared rubrics; `project` was reached through its own door."""
    version = RubricVersion.objects.select_related("rubric").filter(project=project, pk=pk).first()
    if version is None:
        raise Http404
    return version


def prompt_for(user: User, slug: str, pk: int) -> tuple[Project, Prompt]:
    """A prompt to read, of the project or offered to every one, with the project that it is read in (two queries)."""
    project = project_for(user, slug)
    prompt = Prompt.objects.offered_to(project).filter(pk=pk).first()
    if prompt is None:
        raise Http404
    return project, prompt


def editable_prompt_for(user: User, slug: str, pk: int) -> Prompt:
    """A prompt of the project's own that `user` may give new versions; 403 for who may only read it."""
    project = project_for(user, slug, needs=Capability.MANAGE)
    prompt = Prompt.objects.of(project).filter(pk=pk).first()
    if prompt is None:
        raise Http404
    prompt.project = project
    return prompt


def prompt_version_in(project: Project, pk: int) -> PromptVersion:
    """A version of a prompt that the project may use; `project` was reached through its own door."""
    version = PromptVersion.objects.offered_to(project).select_related("prompt").filter(pk=pk).first()
    if version is None:
        raise Http404
    return version


def current_output_in(project: Project, external_id: str) -> Output | None:
    """The current output of that id, with its task; `project` was reached through its own door."""
    outputs = Output.objects.of(project).current().select_related("task")
    return outputs.filter(external_id=external_id.strip()).first()


def _of_project(user: User, slug: str, rows: QuerySet[Row], pk: int, *, needs: Capability) -> Row:
    project = project_for(user, slug, needs=needs)
    row = rows.filter(project=project, pk=pk).first()
    if row is None:
        raise Http404
    row.project = project
    return row
