"""Examples beside the guidelines: a text, whether it shows what is good or what is bad, and why."""

from typing import Any

from django.utils.translation import gettext

from annotations.protocols import Problems
from annotations.protocols.contract import Reader

MAX_EXAMPLES = 40
MAX_EXAMPLE = 10_000
MAX_REASON = 2000


def read_examples(entries: Any) -> list[dict[str, Any]]:
    """Check examples and write every field out.

    Raises
    ------
    AppError
        ``protocol_invalid`` with every problem found, by `examples.<index>.<field>`.
    """
    problems = Problems()
    if not isinstance(entries, list) or len(entries) > MAX_EXAMPLES:
        problems.add(
            "examples",
            gettext("Expected a list of at most %(max_examples)s examples.") % {"max_examples": MAX_EXAMPLES},
        )
        entries = []
    examples = []
    for index, entry in enumerate(entries):
        reader = Reader(entry, f"examples.{index}", problems)
        examples.append(
            {
                "is_good": reader.flag("is_good", default=True),
                "text": reader.text("text", max_length=MAX_EXAMPLE),
                "reason": reader.text("reason", default="", max_length=MAX_REASON),
            }
        )
        reader.finish()
    problems.refuse(code="protocol_invalid", message=gettext("The examples cannot be used."))
    return examples
