"""Compares mathematical expressions inside the sandbox; no import of ours.

Standard input holds the order as JSON: the folder of the packages, and pairs of texts, reference first. For each pair a
line of JSON goes to standard output as soon as it is known, so that what came before an endless one is not lost.
"""

from __future__ import annotations

import json
import logging
import sys


def main() -> None:
    order = json.load(sys.stdin)
    sys.path.append(order["packages"])
    logging.disable(logging.CRITICAL)
    import math_verify

    for reference, answer in order["pairs"]:
        wanted = math_verify.parse(reference, parsing_timeout=order["seconds"])
        given = math_verify.parse(answer, parsing_timeout=order["seconds"])
        found = {"reference": bool(wanted), "answer": bool(given), "equal": False}
        if wanted and given:
            found["equal"] = bool(math_verify.verify(wanted, given, timeout_seconds=order["seconds"]))
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
