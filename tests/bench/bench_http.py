"""How busy a server with 64 slots is kept: by an engine alone, and by a whole run through queue, worker and storage.

The server is a process that replays one reply after a second, 64 at a time. Busy is the time that its slots were
at work, over the time from the first request to the last answer; starting slowly and the last stragglers are in it.
"""

from collections.abc import Iterator
from unittest.mock import patch

from django.conf import settings
from django.db import connection

from projects.models import Project
from tests.bench.figures import Figure, at_least
from tests.factories import make_rubric
from tests.workers.replaying import Replay, replay_server
from workers import model_loading, served_models
from workers.actions.endpoints import probe_endpoint
from workers.actions.runs import start_run
from workers.actions.scorers import create_scorer
from workers.actions.servers import Terms, register_server
from workers.engines.contract import ChatMessage, Choice, ChoiceQuestion, Prompt
from workers.models import ModelEndpoint, Run
from workers.scoring import work_once
from workers.selection import OutputSelection

SLOTS = 64
SERVICE_SECONDS = 1.0
ROUNDS = 30

# Equal questions are asked once: each output has words of its own.
_FILL = """
INSERT INTO rewards_task (project_id, external_id, version, is_current, preview, messages, context, tags, split,
                          licence, metadata, content_hash, output_count, created_at)
VALUES (%(project)s, 'task', 1, true, 'Question', '[{"role": "user", "text": "Question"}]', '', '{}', '', '', '{}',
        md5('task'), %(outputs)s, now());

INSERT INTO rewards_output (project_id, task_id, external_id, version, is_current, preview, messages, char_count,
                            generation, content_hash, created_at)
SELECT t.project_id, t.id, 'output-' || n, 1, true, 'Answer', jsonb_build_array(
           jsonb_build_object('role', 'assistant', 'channel', 'answer', 'text', repeat('words ', 50) || n)
       ),
       305, '{}', md5(n::text), now()
FROM rewards_task t, generate_series(1, %(outputs)s) n WHERE t.project_id = %(project)s
"""


def figures() -> Iterator[Figure]:
    project = Project.objects.create(slug="http", name="HTTP")
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {"project": project.pk, "outputs": SLOTS * ROUNDS})
        cursor.execute("ANALYZE")
    endpoint = _registered(project)
    yield from _engine(endpoint)
    yield from _run(project, endpoint)
    model_loading.let_go_of_models()


def _registered(project: Project) -> ModelEndpoint:
    with replay_server("hosted") as server:
        endpoint = _point(None, project, server)
        assert probe_endpoint(endpoint=endpoint), endpoint.failure
    return endpoint


def _point(endpoint: ModelEndpoint | None, project: Project, server: Replay) -> ModelEndpoint:
    """The endpoint at this server: every figure gets a process of its own."""
    settings.OUTGOING_LOCAL_HOSTS = [server.host]
    if endpoint is None:
        return register_server(
            project=project,
            name="Replayed",
            url=server.url,
            served_model="gpt-4.1-mini",
            terms=Terms({"concurrency": SLOTS}, {}),
            actor=None,
            probe=False,
        )
    ModelEndpoint.objects.filter(pk=endpoint.pk).update(reference=server.url)
    endpoint.refresh_from_db()
    return endpoint


def _engine(endpoint: ModelEndpoint) -> Iterator[Figure]:
    with replay_server("hosted", slots=SLOTS, service_seconds=SERVICE_SECONDS) as server:
        engine = served_models.served_engine_for(_point(endpoint, Project.objects.get(), server))
        prompts = [Prompt((ChatMessage("user", f"Question {number}?"),)) for number in range(SLOTS * ROUNDS)]
        choices = engine.choose([ChoiceQuestion(prompt, ("Yes", "No")) for prompt in prompts])
        assert all(isinstance(choice, Choice) for choice in choices)
        busy, seconds = server.busy()
    yield Figure("requests a second from one engine", len(prompts) / seconds, "1/s")
    yield at_least("a 64-way server kept busy by an engine", busy, "of 1", 0.9)


def _run(project: Project, endpoint: ModelEndpoint) -> Iterator[Figure]:
    """One criterion an output: one question for each, and now and then its content-free counterpart."""
    with replay_server("hosted", slots=SLOTS, service_seconds=SERVICE_SECONDS) as server:
        scorer = create_scorer(
            project=project,
            source="rubric_judge",
            endpoints={"judge": _point(endpoint, project, server)},
            rubric_version=make_rubric(project),
            actor=None,
        )
        run = start_run(project=project, scorer=scorer, selection=OutputSelection(), actor=None, notify=False)
        with patch("workers.progress.publish"):
            while work_once("gpu", run=run):
                pass
        busy, seconds = server.busy()
    scored = Run.objects.get(pk=run.pk).scored_count
    assert scored == SLOTS * ROUNDS, scored
    yield Figure("outputs a second scored by one worker over HTTP", scored / seconds, "1/s")
    yield at_least("a 64-way server kept busy by a run", busy, "of 1", 0.9)
