"""How long a project keeps what it does not need for its results."""

from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LONGEST_DAYS = 3650


class Kind(NamedTuple):
    """What may go after some days; the rules themselves stand in the apps that keep it (see projects.holdings)."""

    key: str
    label: "str | _StrPromise"
    what: "str | _StrPromise"
    counted: str
    """The key of the number in the record of what was erased."""


KINDS = {
    kind.key: kind
    for kind in (
        Kind(
            "drafts",
            _("Drafts"),
            _("Answers that were begun and not sent, counted from the last change; what is in work stays."),
            "drafts",
        ),
        Kind(
            "replies",
            _("Raw replies of models"),
            _("What models wrote, counted from the judgment. Verdicts, numbers, tokens and times stay."),
            "replies",
        ),
        Kind(
            "withdrawn",
            _("Answers taken back"),
            _("Judgments that people took back, with the answer as it was sent, counted from when they did."),
            "withdrawn",
        ),
        Kind(
            "campaigns",
            _("People's work in closed campaigns"),
            _(
                "Answers as they were sent, working times and reasons for skipping, counted from the close. Judgments "
                "stay under pseudonyms, and so does agreement; pace and patterns cannot be worked out, and answers not "
                "be settled, any more."
            ),
            "work_records",
        ),
    )
}
