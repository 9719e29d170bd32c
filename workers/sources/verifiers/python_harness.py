"""Runs one test of a policy's Python inside the sandbox; the standard library alone, no import of ours.

Standard input holds the order as JSON: the name of the file with the code, and either a `call` with its `arguments` and
`keywords`, or an `assertion` with a `token`. The answer, one line of JSON, goes to the standard output that the program
was started with; what the code itself prints goes to standard error.

What a call has to return never comes in here: the code that is tested cannot look it up. An assertion is run in the
code's own process, and code that sets out to can make any assertion pass there.
"""

from __future__ import annotations

import json
import os
import sys
import types
from typing import Any

_MOST_ERROR = 500


def main() -> None:
    order = json.loads(sys.stdin.read())
    answers = os.dup(1)
    os.dup2(2, 1)
    try:
        answer = run(order)
    # The code may raise anything, and may end the interpreter: both are what the test found.
    except BaseException as error:
        answer = {"error": f"{type(error).__name__}: {error}"[:_MOST_ERROR]}
    os.write(answers, json.dumps(answer).encode() + b"\n")
    # Without what the code has registered for the end, which may take for ever.
    os._exit(0)


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run the code as a module of its own, then the test."""
    module = types.ModuleType("solution")
    # Where data classes and pickling look their module up.
    sys.modules[module.__name__] = module
    names = vars(module)
    with open(order["file"], encoding="utf-8") as file:
        exec(compile(file.read(), order["file"], "exec"), names)
    if "assertion" in order:
        exec(compile(order["assertion"], "test", "exec"), names)
        return {"token": order["token"]}
    if order["call"] not in names:
        return {"error": f"the code defines no {order['call']}"}
    value = names[order["call"]](*order["arguments"], **order["keywords"])
    return {"value": as_json(value)}


def as_json(value: Any) -> Any:
    """The value with tuples as lists; TypeError for what JSON has no word for."""
    return json.loads(json.dumps(value, allow_nan=True))


if __name__ == "__main__":
    main()
