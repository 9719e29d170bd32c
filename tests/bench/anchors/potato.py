"""Potato as its image runs it: one gunicorn worker with eight threads. Its documents forbid a second worker.

It keeps its state in memory and writes a file a person anew, with fsync, at every save.
"""

import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.bench.anchors.load import SCALE, TEXT, ServerProcess
from tests.bench.anchors.web import Browser, ServerFaultError, free_port, json_of, wait_until_up

SCHEME = "quality"
RELOADS = 5


class Potato:
    """One task with a question of five choices over `items` short texts; each item for one person."""

    def __init__(self, environment: Path, folder: Path, *, version: str, items: int, loads_page: bool) -> None:
        self._environment = environment
        self._folder = folder / f"potato-{'page' if loads_page else 'json'}"
        self._items = items
        self._loads_page = loads_page
        self._server: ServerProcess | None = None
        self.address = f"127.0.0.1:{free_port()}"
        self.name = f"Potato, {'as its page' if loads_page else 'JSON alone'}"
        self._annotators: list[PotatoAnnotator] = []
        how = "the page as a browser asks for it" if loads_page else "JSON alone"
        self.settings = f"Potato {version}, gunicorn with 1 worker and 8 threads, files; {how}"

    def start(self) -> None:
        self._folder.mkdir(parents=True)
        with (self._folder / "data.jsonl").open("w", encoding="utf-8") as file:
            for number in range(self._items):
                file.write(json.dumps({"id": f"item-{number}", "text": TEXT.format(number=number)}) + "\n")
        (self._folder / "config.yaml").write_text(yaml.safe_dump(self._configuration()), encoding="utf-8")
        command: list[str | Path] = [
            self._environment / "bin" / "gunicorn",
            "--workers",
            "1",
            "--worker-class",
            "gthread",
        ]
        command += ["--threads", "8", "--bind", self.address, "--timeout", "120"]
        self._server = ServerProcess(
            [*command, "potato.flask_server:create_app('config.yaml')"],
            log=self._folder / "server.log",
            environment=os.environ
            | {
                "POTATO_SECRET_KEY": secrets.token_hex(),
                # Else two servers of one installation would write the same files.
                "POTATO_GENERATED_TEMPLATES_DIR": str(self._folder / "templates"),
            },
            folder=self._folder,
        )
        wait_until_up(self.address, "/health")

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()

    def cpu_seconds(self) -> float:
        return self._server.cpu_seconds() if self._server else 0.0

    def annotator(self, person: int) -> "PotatoAnnotator":
        self._annotators.append(PotatoAnnotator(self.address, person, loads_page=self._loads_page))
        return self._annotators[-1]

    @property
    def reloads(self) -> int:
        """How often a page failed and was asked for again."""
        return sum(annotator.reloads for annotator in self._annotators)

    def stored(self) -> Mapping[tuple[int, int], int]:
        stored = {}
        for file in (self._folder / "annotation_output").glob("*/user_state.json"):
            state = json.loads(file.read_text(encoding="utf-8"))
            for item, labels in state["instance_id_to_label_to_value"].items():
                [[label, value]] = labels
                assert label["schema"] == SCHEME
                stored[_number(state["user_id"]), _number(item)] = int(value)
        return stored

    def _configuration(self) -> dict[str, object]:
        return {
            "server_name": "Bench",
            "annotation_task_name": "Bench",
            "task_dir": ".",
            "data_files": ["data.jsonl"],
            "item_properties": {"id_key": "id", "text_key": "text"},
            "output_annotation_dir": "annotation_output/",
            "user_config": {"allow_all_users": True, "users": []},
            "require_password": False,
            "assignment_strategy": "fixed_order",
            "max_annotations_per_item": 1,
            "max_annotations_per_user": -1,
            "site_dir": "default",
            "annotation_schemes": [
                {
                    "annotation_type": "radio",
                    "name": SCHEME,
                    "description": "How good is the response?",
                    "labels": [str(value) for value in range(1, SCALE + 1)],
                }
            ],
        }


class PotatoAnnotator:
    """Does what the page's own script does: saves the answer, moves on, then loads what is next."""

    def __init__(self, address: str, person: int, *, loads_page: bool) -> None:
        self._browser = Browser(address)
        self._loads_page = loads_page
        self._item = ""
        self.reloads = 0
        self._browser.post_form("/auth", {"email": f"person-{person}"})
        self._page()

    def next_item(self) -> int:
        if self._item:
            body = {"action": "next_instance", "instance_id": self._item}
            self._browser.post("/annotate", body, X_Potato_Navigation="1")
        if self._loads_page:
            page = self._page().decode()
            found = re.search(r"Response (\d+): ", page)
            assert found, page[:300]
            self._item = f"item-{found[1]}"
        else:
            shown = json_of(self._browser.get("/api/current_instance"))
            self._item = shown["instance_id"]
            assert shown["data"]["text"] == TEXT.format(number=_number(self._item))
        return _number(self._item)

    def _page(self) -> bytes:
        """Its page fails now and then under load (its threads share a deque): like a person, load it anew."""
        for _ in range(RELOADS):
            try:
                return self._browser.get("/annotate")
            except ServerFaultError:
                self.reloads += 1
        return self._browser.get("/annotate")

    def submit(self, value: int) -> None:
        body = {
            "instance_id": self._item,
            "annotations": {f"{SCHEME}:{value}": str(value)},
            "cleared_schemas": [],
            "span_annotations": [],
        }
        said = json_of(self._browser.post("/updateinstance", body))
        assert said["status"] == "success", said


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])
