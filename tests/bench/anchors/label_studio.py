"""Label Studio as its image runs it: uwsgi, here with two processes, on the PostgreSQL server that we use too."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.bench.anchors.load import SCALE, TEXT, ServerProcess, postgres_cpu_seconds
from tests.bench.anchors.web import Browser, free_port, json_of, wait_until_up

DATABASE = "bench_label_studio"
PASSWORD = "of-nobody-12345"
BATCH = 2000
CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="quality" toName="text" choice="single">{}</Choices>
</View>""".format("".join(f'<Choice value="{value}"/>' for value in range(1, SCALE + 1)))


class LabelStudio:
    """One project with a question of five choices over `items` short texts; each item for one person."""

    name = "Label Studio"

    def __init__(self, environment: Path, folder: Path, *, version: str, items: int, database_url: str) -> None:
        self._environment = environment
        self._folder = folder / "label-studio"
        self._items = items
        self._url = database_url
        self._server: ServerProcess | None = None
        self._project = 0
        self._lead: Browser | None = None
        self.address = f"127.0.0.1:{free_port()}"
        self.settings = f"Label Studio {version}, uwsgi with 2 processes, PostgreSQL; its API, as its page asks it"

    def start(self) -> None:
        self._folder.mkdir(parents=True)
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        [package] = self._environment.glob("lib/python*/site-packages/label_studio")
        ours = self._settings(package)
        migrate = ServerProcess(
            [self._environment / "bin" / "python", "manage.py", "migrate", "--no-input", "--verbosity", "0"],
            log=self._folder / "migrate.log",
            environment=ours,
            folder=package,
        )
        migrate.wait()
        self._server = ServerProcess(
            [self._environment / "bin" / "uwsgi", "--ini", self._uwsgi(package)],
            log=self._folder / "server.log",
            environment=ours,
            folder=package,
        )
        wait_until_up(self.address, "/health")
        self._lead = signed_up(self.address, "lead")
        self._project = self._create_project(self._lead)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def cpu_seconds(self) -> float:
        with psycopg.connect(self._url) as connection:
            return (self._server.cpu_seconds() if self._server else 0.0) + postgres_cpu_seconds(connection)

    def annotator(self, person: int) -> "LabelStudioAnnotator":
        return LabelStudioAnnotator(signed_up(self.address, f"person-{person}"), self._project)

    def stored(self) -> Mapping[tuple[int, int], int]:
        query = (
            "SELECT u.email, t.data->>'number', c.result->0->'value'->'choices'->>0 FROM task_completion c"
            " JOIN task t ON t.id = c.task_id JOIN htx_user u ON u.id = c.completed_by_id"
        )
        with psycopg.connect(self._url, dbname=DATABASE) as connection:
            rows = connection.execute(query).fetchall()
        return {(_person(email), int(number)): int(value) for email, number, value in rows}

    def _settings(self, package: Path) -> dict[str, str]:
        given = conninfo_to_dict(self._url)
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
            "DJANGO_DB": "default",
            "POSTGRE_NAME": DATABASE,
            "POSTGRE_USER": str(given["user"]),
            "POSTGRE_PASSWORD": str(given["password"]),
            "POSTGRE_HOST": str(given["host"]),
            "POSTGRE_PORT": "5432",
            "LABEL_STUDIO_BASE_DATA_DIR": str(self._folder),
            "DEBUG": "false",
            "LOG_LEVEL": "ERROR",
            "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "PYTHONPATH": str(package),
        }

    def _uwsgi(self, package: Path) -> Path:
        """The lines of its own deploy/uwsgi.ini that bear on speed, and both processes from the start."""
        file = self._folder / "uwsgi.ini"
        lines = [
            "[uwsgi]",
            f"chdir = {package}",
            f"http = {self.address}",
            "http-keepalive = 60",
            "module = core.wsgi:application",
            "master = true",
            "single-interpreter = true",
            "processes = 2",
            "threads = 1",
            "vacuum = true",
            "die-on-term = true",
            "buffer-size = 65535",
            "need-app = true",
            "post-buffering = 4096",
            "disable-logging = true",
            "enable-threads = true",
            "thunder-lock = true",
            "lazy-apps = true",
        ]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def _create_project(self, lead: Browser) -> int:
        body = {"title": "Bench", "label_config": CONFIG, "maximum_annotations": 1, "sampling": "Sequential sampling"}
        project = int(json_of(send(lead, "/api/projects/", body))["id"])
        for first in range(0, self._items, BATCH):
            numbers = range(first, min(first + BATCH, self._items))
            tasks = [{"data": {"number": number, "text": TEXT.format(number=number)}} for number in numbers]
            send(lead, f"/api/projects/{project}/import", tasks)
        return project


class LabelStudioAnnotator:
    def __init__(self, browser: Browser, project: int) -> None:
        self._browser = browser
        self._project = project
        self._task = 0

    def next_item(self) -> int:
        task = json_of(self._browser.get(f"/api/projects/{self._project}/next/"))
        self._task = task["id"]
        assert task["data"]["text"] == TEXT.format(number=task["data"]["number"])
        return int(task["data"]["number"])

    def submit(self, value: int) -> None:
        choice = {"from_name": "quality", "to_name": "text", "type": "choices", "value": {"choices": [str(value)]}}
        said = json_of(
            send(self._browser, f"/api/tasks/{self._task}/annotations/", {"result": [choice], "lead_time": 1})
        )
        assert said["id"], said


def signed_up(address: str, name: str) -> Browser:
    """A new account, made by the form; its session is signed in."""
    browser = Browser(address)
    page = browser.get("/user/signup/").decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found, page[:300]
    fields = {"email": f"{name}@example.org", "password": PASSWORD, "csrfmiddlewaretoken": found[1]}
    browser.post_form("/user/signup/", fields, Referer=f"http://{address}/user/signup/")
    assert "sessionid" in browser.cookies, f"{name} could not sign up"
    return browser


def send(browser: Browser, path: str, body: object) -> bytes:
    return browser.post(path, body, X_CSRFToken=browser.cookies["csrftoken"])


def _person(email: str) -> int:
    return int(email.partition("@")[0].rpartition("-")[2])
