"""Every address that the project serves, and how to fill it from a populated project."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.populated import Populated

# The words in addresses and in their names that stand for another kind of row.
_NOUN_OF_NAME = {
    **{f"adjudication-{what}": "campaign" for what in ("queue", "list", "item", "agreed", "undo")},
    "adjudicate-item": "campaign",
    **{f"check-{what}": "campaign" for what in ("list", "import", "detail", "make", "answer", "agreed", "withdraw")},
    **{f"person-{what}": "campaign" for what in ("qualify", "retry", "pause", "resume")},
    "check-return": "campaign",
    "check-settings": "campaign",
    "attempt-begin": "campaign",
    "annotate": "assignment",
    "report-list": "campaign",
    "report-resolve": "campaign",
    "report-settle": "campaign",
    "endpoint-terms": "served",
    "item-regain": "assignment",
    "item-next": "campaign",
    "item-last": "campaign",
    "protocol-edit": "campaign",
    "protocol-list": "campaign",
    "submit-undo": "submitted",
    "assignment-undo": "submitted",
    "member-change": "membership",
    "member-detail": "membership",
    "version-list": "rubric",
    "version-detail": "rubric",
    "annotator-link-revoke": "annotator_link",
    "annotator-link-detail": "annotator_link",
    "filter-delete": "saved_filter",
    "person-delete": "leaver",
    "consent-agree": "campaign",
    "consent-detail": "campaign",
    "reward-name-detail": "reward_name",
    "trial-create": "scorer",
    "trial-detail": "scorer",
}
_VALUES = {
    "source": "rubric_judge",
    "trainer": "token_credit",
    "kind": "consistency",
    "number": 1,
    "format": "rubricate_jsonl",
    "path": "README.md",
    "change": "open",
    "language": "de",
    "digest": "of-another-release",
    # Signed or one-way words: these are nobody's.
    "signed": "nobodys",
    "uidb36": "1",
    "key": "nobodys",
}


class Address(NamedTuple):
    """`route` is the pattern as written, `arguments` the names of its parts, `writes` the methods that may change."""

    name: str
    route: str
    arguments: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        return self.route.startswith("/api/")

    @property
    def is_of_project(self) -> bool:
        """Whether it leads to what belongs to one project."""
        return "slug" in self.arguments or self.noun in {"assignment", "submitted"}

    @property
    def noun(self) -> str:
        """The kind of row that its `pk` means."""
        word = self.name.rpartition(":")[2]
        return _NOUN_OF_NAME.get(word, word.partition("-")[0])

    def url(self, house: Populated) -> str:
        return reverse(self.name, kwargs={argument: self._value(argument, house) for argument in self.arguments})

    def _value(self, argument: str, house: Populated) -> Any:
        if argument == "slug":
            return house.project.slug
        if argument == "pk":
            return house.pk(self.noun)
        if argument == "secret":
            return house.rows["link_secret" if "annotator-link" in self.name else "secret"]
        if argument.removesuffix("_pk") in house.rows:
            return house.pk(argument.removesuffix("_pk"))
        return _VALUES[argument]


def addresses() -> list[Address]:
    """All but the admin's, which only staff reach."""
    return [address for address in _walk(get_resolver().url_patterns) if not address.route.startswith("/admin/")]


def _walk(patterns: list[Any], prefix: str = "/", namespace: str = "") -> Iterator[Address]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, route, inner)
        elif isinstance(pattern, URLPattern):
            arguments = tuple(re.findall(r"<(?:\w+:)?(\w+)>", route))
            yield Address(f"{namespace}{pattern.name}", route, arguments, _writes(pattern))


def _writes(pattern: URLPattern) -> tuple[str, ...]:
    """What the API's view defines; pages take forms, and say themselves whether they do."""
    view = getattr(pattern.callback, "cls", None)
    if view is None:
        return ("post",)
    return tuple(method for method in ("post", "put", "patch", "delete") if hasattr(view, method))
