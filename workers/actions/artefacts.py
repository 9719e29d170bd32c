"""Fits: asked for, computed by a worker, cancelled, tried again; and the artefacts that they leave."""

import logging
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from rewards.heartbeat import beating
from rewards.models import Export
from rewards.parameters import ParameterError, validate_parameters
from workers import model_loading
from workers.actions.endpoints import send_probe
from workers.artefact_files import PREFIX, store_weights
from workers.catalogue import unfit
from workers.code_version import code_version
from workers.engines.contract import Engine, EngineError
from workers.engines.folders import ResolvedModel
from workers.export_rows import export_rows, has_labels
from workers.models import Artefact, Fit, ModelEndpoint
from workers.outcomes import storable
from workers.training.contract import Example, FitError, Fitted, Trainer
from workers.training.examples import examples_from_rows, prepared
from workers.training.registry import TRAINERS

logger = logging.getLogger(__name__)

QUEUE = "gpu"
_MOST_WORKERS_LOST = 3
_SECONDS_BETWEEN_SAVES = 0.5
_MOST_POINTS = 400
"""Of a stored curve: more cannot be told apart on a picture."""
_STATUS = Fit.Status


class FitStopped(Exception):  # noqa: N818 - nobody's error: it was cancelled, or another worker has it
    """The fit is no longer this worker's."""


def request_fit(
    *,
    project: Project,
    kind: str,
    export: Export,
    endpoint: ModelEndpoint,
    actor: User | None,
    parameters: Mapping[str, object] | None = None,
    seed: int = 0,
    name: str = "",
    notify: bool = True,
) -> Fit:
    """Queue a fit; a worker computes it. The export's labels are looked at first.

    Raises
    ------
    AppError
        ``fit_invalid`` with messages by field (`kind`, `export`, `endpoint` or a parameter).
    """
    trainer = trainer_named(kind)
    declaration = trainer.declaration
    problems: dict[str, list[str]] = {}
    values: dict[str, Any] = {}
    try:
        values = dict(validate_parameters(declaration.all_parameters, parameters or {}))
    except ParameterError as error:
        problems = {field: [message] for field, message in error.problems.items()}
    obstacle = _export_problem(project, export) or (values and _labels_problem(trainer, export, values, seed))
    problems |= {"export": [obstacle]} if obstacle else {}
    obstacle = _endpoint_problem(project, trainer, endpoint)
    problems |= {"endpoint": [obstacle]} if obstacle else {}
    if problems:
        said = "; ".join(f"{field}: {' '.join(messages)}" for field, messages in problems.items())
        raise AppError(
            gettext("This cannot be fitted: %(said)s.") % {"said": said}, code="fit_invalid", fields=problems
        )
    with transaction.atomic():
        fit = Fit.objects.create(
            project=project,
            kind=kind,
            name=(name.strip() or f"{declaration.title} · {export.name} · {endpoint.name}")[:200],
            export=export,
            endpoint=endpoint,
            parameters=values,
            seed=seed,
            created_by=actor,
        )
        data = {"kind": kind, "export": export.name, "model": endpoint.name}
        record_event(actor=actor, verb="fit.requested", project=project, target=fit, data=data)
        if notify:
            transaction.on_commit(partial(_send, fit.pk))
    return fit


def compute_fit(pk: int) -> bool:
    """Compute a waiting fit, or one whose worker died; False where another worker has it. No model in transactions.

    An unexpected error fails the fit and is raised again, for the worker's log.
    """
    fit = _claim(pk)
    if fit is None:
        return False
    try:
        with beating(partial(_beat, fit)):
            fitted = _fitted(fit)
            _finish(fit, fitted)
    except FitStopped:
        return True
    except (FitError, EngineError) as error:
        _fail(fit, f"{error.code}: {error.message}")
    except Exception as error:
        _fail(fit, f"{type(error).__name__}: {error}")
        raise
    return True


def cancel_fit(*, fit: Fit, actor: User | None) -> None:
    """Stop a fit; its worker notices at its next step and leaves nothing.

    Raises
    ------
    AppError
        ``fit_ended`` (409).
    """
    with transaction.atomic():
        cancelled = Fit.objects.filter(pk=fit.pk).open().update(status=_STATUS.CANCELLED, finished_at=Now())
        if not cancelled:
            raise AppError(gettext("This fit has ended already."), code="fit_ended", status=409)
        record_event(actor=actor, verb="fit.cancelled", project=fit.project, target=fit)
    fit.refresh_from_db()


def retry_fit(*, fit: Fit, actor: User | None) -> None:
    """Have a failed or cancelled fit computed again, as it was asked for.

    Raises
    ------
    AppError
        ``fit_not_ended`` (409).
    """
    with transaction.atomic():
        ended = Fit.objects.filter(pk=fit.pk, status__in=[_STATUS.FAILED, _STATUS.CANCELLED])
        again: dict[str, Any] = {"status": _STATUS.PENDING, "failure": "", "facts": {}, "progress": ""}
        if not ended.update(**again, attempt=None, heartbeat_at=None, started_at=None, finished_at=None):
            raise AppError(
                gettext("Only a failed or cancelled fit can be tried again."), code="fit_not_ended", status=409
            )
        record_event(actor=actor, verb="fit.retried", project=fit.project, target=fit)
        transaction.on_commit(partial(_send, fit.pk))
    fit.refresh_from_db()


def redispatch_fits() -> int:
    """Beat's duty: send again what waits, or was lost with its worker; how many were sent."""
    waiting = list(Fit.objects.claimable().order_by("pk").values_list("pk", flat=True)[:10])
    for pk in waiting:
        _send(pk)
    return len(waiting)


def keep_artefact(
    *,
    project: Project,
    name: str,
    kind: str,
    stored: tuple[str, str],
    parameters: Mapping[str, Any],
    metrics: Mapping[str, Any],
    export: Export | None,
    actor: User | None,
) -> Artefact:
    """The artefact of weights that `store_weights` has stored, unless it was there already.

    The file is written first and outside any transaction: a row never names a file that is not there.
    """
    stored_as, sha256 = stored
    artefact, is_new = Artefact.objects.get_or_create(
        project=project,
        sha256=sha256,
        defaults={
            "name": name[:200],
            "source": kind,
            "export": export,
            "stored_as": stored_as,
            "parameters": dict(parameters),
            "metrics": dict(metrics),
            "created_by": actor,
        },
    )
    if is_new:
        data = {"kind": kind, "sha256": sha256}
        record_event(actor=actor, verb="artefact.stored", project=project, target=artefact, data=data)
    return artefact


def offer_adapter(*, artefact: Artefact, base: ModelEndpoint, actor: User | None) -> ModelEndpoint:
    """The base with the artefact's weights on it as a model of the project; one that is there already is kept."""
    adapter = f"{PREFIX}{artefact.sha256}"
    found = ModelEndpoint.objects.filter(project=artefact.project, adapter=adapter).first()
    if found is not None:
        return found
    name = artefact.name[:80]
    if ModelEndpoint.objects.filter(project=artefact.project, name=name).exists():
        name = f"{name} {artefact.sha256[:8]}"
    with transaction.atomic():
        endpoint = ModelEndpoint.objects.create(
            project=artefact.project,
            name=name,
            engine=ModelEndpoint.Engine.TRANSFORMERS,
            reference=base.reference,
            revision=base.revision,
            dtype=base.dtype,
            adapter=adapter,
            caveat=base.caveat,
        )
        data = {"name": name, "reference": base.reference, "adapter": adapter}
        record_event(actor=actor, verb="endpoint.registered", project=artefact.project, target=endpoint, data=data)
        transaction.on_commit(partial(send_probe, endpoint.pk))
    return endpoint


def trainer_named(kind: str) -> Trainer:
    """The trainer of that name; ``fit_invalid`` where there is none."""
    if kind not in TRAINERS:
        message = gettext("Nothing of this kind can be fitted; there are %(trainers)s.") % {
            "trainers": ", ".join(TRAINERS)
        }
        raise AppError(message, code="fit_invalid", fields={"kind": [message]})
    return TRAINERS[kind]


def _export_problem(project: Project, export: Export) -> str:
    if export.project_id != project.pk:
        return gettext("this export belongs to another project")
    if not has_labels(export):
        return gettext("expected an export of unpaired preference, which has a label for each output")
    if export.status != Export.Status.READY:
        return gettext("this export must be ready, and is: %(status)s") % {"status": export.get_status_display()}
    return ""


def _labels_problem(trainer: Trainer, export: Export, values: Mapping[str, Any], seed: int) -> str:
    try:
        _examples(trainer, export, values, seed)
    except FitError as error:
        return error.message
    except OSError:
        return gettext("its files are gone from the storage")
    return ""


def _endpoint_problem(project: Project, trainer: Trainer, endpoint: ModelEndpoint) -> str:
    if endpoint.project_id not in {None, project.pk}:
        return gettext("this model belongs to another project")
    if endpoint.is_served:
        return gettext("a model behind HTTP shows no states and cannot be trained: choose one in process")
    if trainer.declaration.makes_model and endpoint.adapter:
        return gettext("this model has an adapter already: choose its base")
    return unfit(trainer.declaration.base, endpoint)


def _examples(trainer: Trainer, export: Export, values: Mapping[str, Any], seed: int) -> list[Example]:
    return prepared(
        list(examples_from_rows(export_rows(export))),
        held_out_share=float(values["held_out_share"]),
        most=int(values["most_examples"]),
        seed=seed,
        needs_both_labels=trainer.declaration.needs_both_labels,
    )


def _claim(pk: int) -> Fit | None:
    """Take the fit, unless another worker has it; one that ends its workers is given up."""
    attempt = uuid.uuid4()
    with transaction.atomic():
        waiting = Fit.objects.claimable().select_for_update(skip_locked=True, of=("self",))
        fit = waiting.filter(pk=pk).first()
        if fit is None:
            return None
        lost = int(fit.facts.get("workers_lost", 0)) + int(fit.status == _STATUS.RUNNING)
        if lost >= _MOST_WORKERS_LOST:
            detail = f"worker_lost: {lost} workers in a row ended while they computed this"
            Fit.objects.filter(pk=pk).update(status=_STATUS.FAILED, failure=detail, finished_at=Now())
            return None
        Fit.objects.filter(pk=pk).update(
            status=_STATUS.RUNNING,
            attempt=attempt,
            heartbeat_at=Now(),
            started_at=Now(),
            progress="",
            facts={"workers_lost": lost},
        )
    return Fit.objects.select_related("endpoint", "export", "project", "created_by").get(pk=pk)


def _fitted(fit: Fit) -> Fitted:
    trainer = trainer_named(fit.kind)
    examples = _examples(trainer, fit.export, fit.parameters, fit.seed)
    return trainer.fit(examples, _EndpointBase(fit.endpoint), fit.parameters, seed=fit.seed, progress=_Reporter(fit))


class _EndpointBase:
    """An endpoint's model, proven to be the one that was registered."""

    def __init__(self, endpoint: ModelEndpoint) -> None:
        self._endpoint = endpoint

    def engine(self) -> Engine:
        return model_loading.engine_for(self._endpoint)

    def resolved(self) -> ResolvedModel:
        resolved = model_loading.resolve(self._endpoint)
        model_loading.require_same(self._endpoint, resolved)
        return resolved


class _Reporter:
    """Saves what is being done now and then, and raises FitStopped once the fit is no longer this attempt's."""

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._saved_at = 0.0

    def __call__(self, words: str, *, curve: Sequence[Mapping[str, float | None]] | None = None) -> None:
        if monotonic() - self._saved_at < _SECONDS_BETWEEN_SAVES:
            return
        self._saved_at = monotonic()
        facts = {**self._fit.facts, "curve": thinned(curve or [])}
        _update_mine(self._fit, progress=storable(words)[:200], facts=facts, heartbeat_at=Now())


def thinned(curve: Sequence[Mapping[str, float | None]]) -> list[dict[str, float | None]]:
    """At most so many points of a curve as a picture can show: the last, all that were measured on outputs held out,
    and others evenly."""
    every = -(-len(curve) // _MOST_POINTS)
    return [
        dict(point)
        for place, point in enumerate(curve, start=1)
        if place % every == 0 or place in {1, len(curve)} or "held_out" in point
    ]


def _finish(fit: Fit, fitted: Fitted) -> None:
    declaration = trainer_named(fit.kind).declaration
    provenance = {
        "fit": fit.parameters,
        "seed": fit.seed,
        "version": declaration.version,
        "base": {"name": fit.endpoint.name, "reference": fit.endpoint.reference, **fitted.weights.base},
        "data": {file.path: file.sha256 for file in fit.export.files.in_order() if file.split},
        "code_version": code_version(),
    }
    metrics = {**fitted.metrics, "curve": thinned(fitted.metrics["curve"])}
    stored = store_weights(fit.project_id, fitted.weights.to_bytes())
    with transaction.atomic():
        artefact = keep_artefact(
            project=fit.project,
            name=fit.name,
            kind=fit.kind,
            stored=stored,
            parameters=provenance,
            metrics=metrics,
            export=fit.export,
            actor=fit.created_by,
        )
        _update_mine(fit, status=_STATUS.FINISHED, artefact=artefact, progress="", facts={}, finished_at=Now())
        if declaration.makes_model:
            offer_adapter(artefact=artefact, base=fit.endpoint, actor=fit.created_by)


def _update_mine(fit: Fit, **values: Any) -> None:
    """Write to the fit if this attempt still has it, else raise FitStopped."""
    if not Fit.objects.filter(pk=fit.pk, attempt=fit.attempt, status=_STATUS.RUNNING).update(**values):
        raise FitStopped


def _beat(fit: Fit) -> None:
    Fit.objects.filter(pk=fit.pk, attempt=fit.attempt, status=_STATUS.RUNNING).update(heartbeat_at=Now())


def _fail(fit: Fit, why: str) -> None:
    Fit.objects.filter(pk=fit.pk, attempt=fit.attempt, status=_STATUS.RUNNING).update(
        status=_STATUS.FAILED, failure=storable(why)[:2000], finished_at=Now()
    )


def _send(pk: int) -> None:
    from workers.actions.dispatch import send_task
    from workers.tasks import fit_artefact

    # Beat sends it again while it waits; what a busy worker did not get to by then is dropped.
    send_task(fit_artefact, pk, queue=QUEUE, expires=settings.WORKERS_REDISPATCH_SECONDS)
