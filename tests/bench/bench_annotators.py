"""Submits a second of eight people side by side with Label Studio and Potato: same machine, same run, same work.

`make bench-anchors` installs the two, each into an environment of its own under `var/anchors` (or the folder that
BENCH_ANCHORS names). Each person takes the next item, receives its text, and answers one question of five choices; an
item goes to one person. The systems take turns, so that whatever else the machine does falls on all alike. Then every
acknowledged answer is looked up in the system's own store.
"""

import os
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from django.conf import settings

from rubricate import env
from tests.bench.anchors.label_studio import LabelStudio
from tests.bench.anchors.load import Measured, System, Worker, check_stored, measure
from tests.bench.anchors.potato import Potato
from tests.bench.anchors.rubricate import Rubricate, RubricateWay
from tests.bench.figures import Figure, at_least

CLIENTS = 8
ITEMS = 8_000
WARM_UP_SECONDS = 3.0
ROUNDS = 4
ROUND_SECONDS = 6.0
ANCHORS = Path(env.given("BENCH_ANCHORS") or env.VAR / "anchors")


def figures() -> Iterator[Figure]:
    folder = Path(settings.MEDIA_ROOT)
    with ExitStack() as running:
        server = Rubricate(folder)
        running.callback(server.stop)
        server.start()
        systems: dict[str, System] = {
            "api": RubricateWay(server, items=ITEMS, loads_page=False),
            "page": RubricateWay(server, items=ITEMS, loads_page=True),
            **_anchors(folder),
        }
        for system in systems.values():
            running.callback(system.stop)
            system.start()
            print(f"  {system.settings}", flush=True)
        measured = _side_by_side(systems)
    yield from _reported(systems, measured)


def _anchors(folder: Path) -> dict[str, System]:
    """Those that are installed; of the others it is said how they would be."""
    found: dict[str, System] = {}
    if version := _installed("label-studio", "label-studio"):
        found["label studio"] = LabelStudio(
            _environment("label-studio"), folder, version=version, items=ITEMS, database_url=os.environ["DATABASE_URL"]
        )
    if version := _installed("potato", "potato-annotation"):
        for key, loads_page in (("potato", False), ("potato page", True)):
            found[key] = Potato(_environment("potato"), folder, version=version, items=ITEMS, loads_page=loads_page)
    return found


def _environment(name: str) -> Path:
    return (ANCHORS / name).resolve()


def _installed(name: str, package: str) -> str:
    """The package's version in the environment `name`, or nothing."""
    python = _environment(name) / "bin" / "python"
    code = f"from importlib.metadata import version; print(version({package!r}))"
    try:
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        print(f"  {package} is not installed in {python.parents[1]}: `make bench-anchors` does it", flush=True)
        return ""
    return asked.stdout.strip()


def _side_by_side(systems: dict[str, System]) -> dict[str, Measured]:
    workers = {
        key: [Worker(person, system.annotator(person)) for person in range(CLIENTS)] for key, system in systems.items()
    }
    measured = {key: Measured() for key in systems}
    for key, system in systems.items():
        warm_up = Measured()
        measure(system, workers[key], WARM_UP_SECONDS, warm_up)
        measured[key].acknowledged += warm_up.acknowledged
    for number in range(ROUNDS):
        # In another order each time: what follows a heavy neighbour may find its writes still under way.
        for key in sorted(systems, key=lambda key: (list(systems).index(key) + number) % len(systems)):
            measure(systems[key], workers[key], ROUND_SECONDS, measured[key])
    for key, system in systems.items():
        check_stored(system, measured[key].acknowledged)
    return measured


def _reported(systems: dict[str, System], measured: dict[str, Measured]) -> Iterator[Figure]:
    for key, done in measured.items():
        system = systems[key]
        name = system.name
        if isinstance(system, Potato) and system.reloads:
            print(f"  {name}: {system.reloads} pages failed with status 500 and were asked for again", flush=True)
        yield Figure(f"submits of 8 people, {name}", done.rate, "1/s")
        # What other work on the machine hardly changes: time on a processor, the database's included.
        yield Figure(f"processor time a submit, {name}", done.cpu_seconds / done.answered * 1000, "ms")
        for what, seconds in (("submit", done.submit_seconds), ("next item", done.next_seconds)):
            cuts = statistics.quantiles(seconds, n=20)
            yield Figure(f"{what} p50, {name}", cuts[9] * 1000, "ms")
            yield Figure(f"{what} p95, {name}", cuts[18] * 1000, "ms")
    for ours, anchor, goal in (
        ("api", "label studio", 8.0),
        ("page", "label studio", 8.0),
        ("api", "potato", 2.0),
        ("page", "potato page", 2.0),
    ):
        if anchor in measured:
            ratio = measured[ours].rate / measured[anchor].rate
            yield at_least(f"{systems[ours].name} / {systems[anchor].name}", ratio, "x", goal)
