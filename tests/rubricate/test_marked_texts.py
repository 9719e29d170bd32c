"""Whatever a person can read in a template stands inside a mark for translation: found by reading every template."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from django.template.base import Lexer, Token, TokenType

from rubricate import env

TEMPLATES = env.ROOT / "templates"

# What people read of an element besides its text.
READ_ATTRIBUTES = {"title", "aria-label", "aria-description", "placeholder", "alt", "label", "data-label", "data-text"}
# Names of keys, code and columns are the same in every language.
UNTRANSLATED_ELEMENTS = {"code", "kbd", "script", "style", "pre"}
# Proper names, formats and formulas; each stands alone where it stands.
SAME_EVERYWHERE = {
    "Rubricate", "API", "JSON", "JSONL", "CSV", "URL", "AUROC", "sha256", "arXiv", "log", "pass@k", "F1",
}  # fmt: skip
WORD = re.compile(r"[^\W\d_][\w@]+")
# A literal in a tag is read by a person where it has words apart, or where it stands in for a value that is missing.
LITERAL = re.compile(
    r'[=\s]"([^"]*[a-z] [^"]*)"'
    r'|\b(?:heading|text|label|note|title|words)="([^"]+)"'
    r'|\|default(?:_if_none)?:"([^"]*)"',
)
UNREAD_TAGS = {"translate", "icon", "url", "static", "htmx_script"}
HOLE = "\ufffc"


def unmarked_texts(source: str) -> list[str]:
    """Texts of a template that a person reads and no translator ever sees."""
    reader = _Reader()
    reader.feed("".join(_outside_of_marks(Lexer(source).tokenize(), reader.found)))
    reader.close()
    texts = (text.strip(f" \n{HOLE}") for text in reader.found)
    return [text for text in texts if any(word not in SAME_EVERYWHERE for word in WORD.findall(text))]


def _outside_of_marks(tokens: list[Token], found: list[str]) -> Iterator[str]:
    """The markup, with a hole wherever a tag or a variable stands; class names that blocks carry are left out."""
    blocks: list[str] = []
    skips_to = ""
    for token in tokens:
        words = token.contents.split()
        name = words[0] if token.token_type == TokenType.BLOCK else ""
        if skips_to:
            skips_to = "" if name in {f"end{skips_to}", "endblocktrans"} else skips_to
        elif name in {"blocktranslate", "blocktrans", "comment"}:
            skips_to = name
            yield HOLE
        elif token.token_type == TokenType.TEXT:
            if not (blocks and blocks[-1].endswith(("_class", "_url"))):
                yield token.contents
        elif token.token_type != TokenType.COMMENT:
            if name == "block":
                blocks.append(words[1])
            elif name == "endblock":
                blocks.pop()
            if name not in UNREAD_TAGS:
                found.extend(text for match in LITERAL.findall(token.contents) for text in match)
            yield HOLE


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.untranslated = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.untranslated += tag in UNTRANSLATED_ELEMENTS
        self.found.extend(value for name, value in attrs if value and name in READ_ATTRIBUTES)
        # What a list of suggestions offers is read, and so is the word on a button.
        self.found.extend(
            value for name, value in attrs if value and tag == "option" and name == "value" and " " in value
        )

    def handle_endtag(self, tag: str) -> None:
        self.untranslated -= tag in UNTRANSLATED_ELEMENTS

    def handle_data(self, data: str) -> None:
        if not self.untranslated:
            self.found.append(data)


def test_every_text_of_every_template_is_marked_for_translation():
    found = {str(path.relative_to(TEMPLATES)): unmarked_texts(path.read_text()) for path in TEMPLATES.rglob("*.html")}
    assert len(found) > 200
    assert {path: texts for path, texts in found.items() if texts} == {}


def test_texts_outside_of_marks_are_found_wherever_a_person_reads_them():
    source = """{% comment %}A note{% endcomment %}<p title="Tip {{ x }}" class="big">{% translate "Marked" %} loose
    {% if a %}{% blocktranslate %}well {{ kept }}{% endblocktranslate %}{% endif %}<kbd>Ctrl</kbd></p>
    {% include "a.html" with heading="Bare" text=_("Marked") %}{{ x|default:"nothing" }}
    {% block page_class %}wide{% endblock %}"""
    assert unmarked_texts(source) == ["Bare", "nothing", "Tip", "loose"]
