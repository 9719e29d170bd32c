"""Rubricate as it is deployed: uvicorn with two processes under the production settings, PostgreSQL and Valkey."""

import json
import os
import secrets
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.models import Campaign
from annotations.selection import Selection
from projects.actions.token import issue_token
from projects.models import Membership, Project, Role, TokenScope, User
from rewards.models import Rating
from rubricate.stack.account import Account
from rubricate.stack.valkey import ValkeyServer
from tests.bench.anchors.load import SCALE, TEXT, Annotator, ServerProcess, postgres_cpu_seconds
from tests.bench.anchors.web import Browser, free_port, json_of, wait_until_up

ROOT = Path(__file__).resolve().parents[3]
QUESTION = {
    "kind": "rating",
    "key": "quality",
    "prompt": "How good is the response?",
    "scale_low": 1,
    "scale_high": SCALE,
}
_FILL = """
INSERT INTO rewards_task (project_id, external_id, version, is_current, preview, messages, context, tags, split,
                          licence, metadata, content_hash, output_count, created_at)
SELECT %(project)s, n, 1, true, 'Question', '[{"role": "user", "text": "What is the capital of France?"}]', '', '{}',
       '', '', '{}', md5(n::text), 1, now()
FROM generate_series(0, %(items)s - 1) n;

INSERT INTO rewards_output (project_id, task_id, external_id, version, is_current, preview, messages, char_count,
                            generation, content_hash, created_at)
SELECT t.project_id, t.id, t.external_id, 1, true, 'Answer', jsonb_build_array(jsonb_build_object(
           'role', 'assistant', 'channel', 'answer', 'text', replace(%(text)s, '{number}', t.external_id))),
       60, '{}', t.content_hash, now()
FROM rewards_task t WHERE t.project_id = %(project)s
"""


class Rubricate:
    """One server for both ways of asking it: by API with tokens, and as the annotator's page does with a session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: ServerProcess | None = None
        self._valkey = ValkeyServer(
            log=folder / "valkey.log", password=secrets.token_hex(), account=Account(os.geteuid(), os.getegid())
        )
        self.address = f"127.0.0.1:{free_port()}"

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._valkey.start()
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "rubricate.settings.prod",
            "RUBRICATE_VAR": str(self._folder / "var"),
            "SECRET_KEY": settings.SECRET_KEY,
            "ALLOWED_HOSTS": "127.0.0.1",
            "CELERY_BROKER_URL": self._valkey.url(0),
            "CHANNEL_LAYER_URL": self._valkey.url(1),
            # The clients stand where the proxy would.
            "SECURE_SSL_REDIRECT": "no",
        }
        collect = [sys.executable, ROOT / "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        ServerProcess(collect, log=self._folder / "static.log", environment=environment, folder=ROOT).wait()
        web = [sys.executable, "-m", "uvicorn", "rubricate.asgi:application", "--workers", "2", "--lifespan", "off"]
        host, _, port = self.address.partition(":")
        self._server = ServerProcess(
            [*web, "--host", host, "--port", port, "--no-server-header"],
            log=self._folder / "web.log",
            environment=environment,
            folder=ROOT,
        )
        wait_until_up(self.address, "/health/ready")

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        self._valkey.stop()

    def cpu_seconds(self) -> float:
        with psycopg.connect(os.environ["DATABASE_URL"]) as own:
            return (self._server.cpu_seconds() if self._server else 0.0) + postgres_cpu_seconds(own)


class RubricateWay:
    """A project with a campaign of its own, answered by API or as the page does."""

    def __init__(self, server: Rubricate, *, items: int, loads_page: bool) -> None:
        way = "page" if loads_page else "api"
        self.name = f"Rubricate, {'as its page' if loads_page else 'by API'}"
        self.settings = f"{self.name}: uvicorn with 2 workers, production settings, PostgreSQL, Valkey"
        self._server = server
        self._loads_page = loads_page
        self._items = items
        self._project = Project.objects.create(slug=f"bench-{way}", name="Bench")
        self._campaign: Campaign | None = None

    def start(self) -> None:
        lead = User.objects.create_user(f"{self._project.slug}-lead", password=None)
        Membership.objects.create(project=self._project, user=lead, role=Role.OWNER)
        with connection.cursor() as cursor:
            cursor.execute(_FILL, {"project": self._project.pk, "items": self._items, "text": TEXT})
            cursor.execute("ANALYZE")
        self._campaign = create_campaign(
            project=self._project,
            actor=lead,
            name="Bench",
            protocol=ProtocolContent(questions=[QUESTION]),
            selection=Selection(outputs_per_item=1),
        )
        open_campaign(campaign=self._campaign, actor=lead)

    def stop(self) -> None:
        """The server is stopped by whoever started it."""

    def cpu_seconds(self) -> float:
        return self._server.cpu_seconds()

    def annotator(self, person: int) -> Annotator:
        user = User.objects.create_user(f"{self._project.slug}-{person}", password=None)
        Membership.objects.create(project=self._project, user=user, role=Role.ANNOTATOR)
        assert self._campaign is not None
        path = f"/api/v1/projects/{self._project.slug}/campaigns/{self._campaign.pk}/next"
        if self._loads_page:
            return PageAnnotator(signed_in(self._server.address, user), path)
        issued = issue_token(
            user=user, name="bench", scopes=[TokenScope.ANNOTATE], expires_at=timezone.now() + timedelta(days=1)
        )
        return ApiAnnotator(Browser(self._server.address, {"Authorization": f"Bearer {issued.secret}"}), path)

    def stored(self) -> Mapping[tuple[int, int], int]:
        ratings = Rating.objects.filter(judgment__project=self._project).values_list(
            "judgment__rater__user__username", "judgment__output__external_id", "value"
        )
        return {(int(name.rpartition("-")[2]), int(item)): int(value) for name, item, value in ratings}


class ApiAnnotator:
    """By token: submit, which leases the next item and sends it along; only the first one is asked for by itself."""

    def __init__(self, browser: Browser, next_path: str) -> None:
        self._browser = browser
        self._next_path = next_path
        self._item: dict[str, Any] | None = None

    def next_item(self) -> int:
        if self._item is None:
            self._item = json_of(self._browser.post(self._next_path, {"with_item": True}))["item"]
        assert self._item is not None, "no item is left"
        return _number(str(self._item["outputs"][0]["messages"][0]["text"]))

    def submit(self, value: int) -> None:
        assert self._item is not None
        body = {
            "key": secrets.token_hex(16),
            "answer": {"quality": {"A": value}},
            "active_ms": 1000,
            "with_next": True,
            "with_item": True,
        }
        said = json_of(self._browser.post(f"/api/v1/assignments/{self._item['id']}/submit", body))
        assert said["submission"], said
        self._item = said["item"]


class PageAnnotator:
    """By session, as the page does: a submit leases the next item and brings what the page shows of it, as HTML."""

    def __init__(self, browser: Browser, next_path: str) -> None:
        self._browser = browser
        self._next_path = next_path
        self._url = self._page = ""
        self._headers = {
            "X-CSRFToken": browser.cookies["csrftoken"],
            "Referer": "https://127.0.0.1/",
            "X-Forwarded-Proto": "https",
        }

    def next_item(self) -> int:
        if not self._page:
            self._url = json_of(self._browser.post(self._next_path, {}, **self._headers))["url"]
            self._page = self._browser.get(self._url, **self._headers).decode()
        _, _, rest = self._page.partition('id="assignment"')
        data = json.loads(rest[rest.index(">") + 1 : rest.index("</script>")])
        return _number(str(data["outputs"][0]["messages"][0]["text"]))

    def submit(self, value: int) -> None:
        item = f"/api/v1/assignments/{self._url.rstrip('/').rpartition('/')[2]}"
        body = {
            "key": secrets.token_hex(16),
            "answer": {"quality": {"A": value}},
            "active_ms": 1000,
            "with_next": True,
            "with_page": True,
        }
        said = json_of(self._browser.post(f"{item}/submit", body, **self._headers))
        assert said["submission"], said
        self._url, self._page = said["next"] or "", said["page"] or ""


def signed_in(address: str, user: User) -> Browser:
    client = Client()
    client.force_login(user)
    browser = Browser(address)
    browser.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    browser.cookies["csrftoken"] = secrets.token_hex(16)
    return browser


def _number(text: str) -> int:
    number = int(text.split()[1].rstrip(":"))
    assert text == TEXT.format(number=number)
    return number
