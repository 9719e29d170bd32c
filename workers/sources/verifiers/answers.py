"""Where in a final answer the answer proper stands: in a box, in a tag, after a marker, on the last line.

All readers take time proportional to the text: it is hostile.
"""

from __future__ import annotations

from collections.abc import Callable

from rewards.parameters import Parameter, Parameters
from workers.sources.verifiers.verifier import Answer

AUTO, WHOLE, BOXED, TAG, MARKER, LAST_LINE = "auto", "whole", "boxed", "tag", "marker", "last_line"

WHERE = Parameter(
    "where",
    "choice",
    AUTO,
    "Where the answer stands",
    "Automatic takes the first of these that there is: the last \\boxed{}, the last <answer> tag, what follows the "
    "last marker on its line, the whole final message.",
    choices=(
        (AUTO, "Automatic"),
        (WHOLE, "The whole final message"),
        (BOXED, "The last \\boxed{}"),
        (TAG, "The last <answer> </answer>"),
        (MARKER, "After the last marker, on its line"),
        (LAST_LINE, "The last line with text"),
    ),
)
MARKER_WORDS = Parameter("marker", "text", "####", "Marker", "Such as #### or “The answer is”; letter case counts.")

_BOX = "\\boxed{"
_OPEN, _CLOSE = "<answer>", "</answer>"


def locate_answer(message: Answer, parameters: Parameters) -> Answer | None:
    """The answer proper within a final message, without white space around it; None where it is not there."""
    where, marker = str(parameters["where"]), str(parameters["marker"])
    readers: dict[str, Callable[[], Answer | None]] = {
        BOXED: lambda: last_boxed(message),
        TAG: lambda: last_tagged(message),
        MARKER: lambda: after_marker(message, marker),
        LAST_LINE: lambda: last_line(message),
        WHOLE: lambda: message,
    }
    order = [BOXED, TAG, MARKER, WHOLE] if where == AUTO else [where]
    found = next((part for name in order if (part := readers[name]()) is not None), None)
    if found is None:
        return None
    found = found.stripped()
    return found if found.text else None


def last_boxed(message: Answer) -> Answer | None:
    """What stands in the last `\\boxed{...}`, braces balanced; None where there is none, or it is never closed."""
    text = message.text
    start = text.rfind(_BOX)
    if start < 0:
        return None
    depth, at = 0, start + len(_BOX)
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            if depth == 0:
                return message.part(start + len(_BOX), at)
            depth -= 1
        at += 1
    return None


def last_tagged(message: Answer) -> Answer | None:
    """What stands in the last closed answer tag."""
    end = message.text.rfind(_CLOSE)
    start = message.text.rfind(_OPEN, 0, end) if end >= 0 else -1
    return message.part(start + len(_OPEN), end) if start >= 0 else None


def after_marker(message: Answer, marker: str) -> Answer | None:
    """From the last marker to the end of its line; a colon after the marker belongs to it."""
    start = message.text.rfind(marker) if marker else -1
    if start < 0:
        return None
    start += len(marker)
    end = message.text.find("\n", start)
    found = message.part(start, len(message.text) if end < 0 else end).stripped()
    return found.part(1, len(found.text)) if found.text.startswith(":") else found


def last_line(message: Answer) -> Answer | None:
    """The last line that has text."""
    stripped = message.stripped()
    return stripped.part(stripped.text.rfind("\n") + 1, len(stripped.text))
