"""What functions of the Django apps say to a person stands inside a mark for translation: found by reading them."""

import ast
import re
from collections.abc import Iterator

from rubricate import env

APPS = ("annotations", "rewards", "workers", "platform/projects", "platform/rubricate")
# Their exceptions quote rows and fields; a page shows them as they are.
PURE = re.compile(
    r"rewards/(shaping|advantages|recipes|statistics|formats|rubrics|preferences|acquisition)/|rewards/demo/"
    r"|workers/(sources|engines|training|sandbox|serving)/|.*/(migrations|management)/"
)
SAID = {"AppError": 0, "ValidationError": 0, "add_error": 1, "refuse": None}
"""What shows words to a person, and at which place it takes them."""
NOTES = {"success", "info", "warning", "error"}
MARKS = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "pgettext", "npgettext", "ngettext_lazy", "_"}
SPEAKS = re.compile(r"(AppError|ValidationError|add_error|refuse|messages\.\w+|gettext)\(")
WORDS = re.compile(r"[^\W\d_]{2,}")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def unmarked_words(source: str) -> list[str]:
    """Literals that a person reads and no translator sees: of errors, messages and forms; and marks that are filled."""
    nodes = [*ast.walk(ast.parse(source))]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    found = [words for call in calls for words in _filled_marks(call)]
    found += [words for call in calls for given in _said_by(call) for words in _bare(given)]
    for function in nodes:
        if isinstance(function, Function):
            inside = [*ast.walk(function)]
            names = {getattr(given, "id", "") for call in inside if isinstance(call, ast.Call)
                     for given in _said_by(call)} - {""}  # fmt: skip
            if names:
                found += [words for value in _assigned(inside, names) for words in _bare(value)]
    return list(dict.fromkeys(found))


def _name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _filled_marks(call: ast.Call) -> Iterator[str]:
    """Marks hold literals: what is filled in before is in no catalogue."""
    if _name_of(call) in MARKS and any(isinstance(given, ast.JoinedStr | ast.BinOp) for given in call.args):
        yield ast.unparse(call)


def _said_by(call: ast.Call) -> list[ast.expr]:
    name = _name_of(call)
    said: list[ast.expr] = []
    if name in SAID:
        place = SAID[name]
        said = [*call.args[place : place + 1]] if place is not None else []
        said += [keyword.value for keyword in call.keywords if keyword.arg in {"message", "fields", "detail"}]
    elif name in NOTES and isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "messages":
        said = call.args[1:2]
    return said


def _assigned(nodes: list[ast.AST], names: set[str]) -> Iterator[ast.expr]:
    """What these names are given, and what is put into them by key."""
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if getattr(target.value if isinstance(target, ast.Subscript) else target, "id", "") in names:
                    yield node.value


def _bare(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(text)) if WORDS.search(text):
            yield text
        case ast.JoinedStr(values=parts):
            if any(isinstance(part, ast.Constant) and WORDS.search(str(part.value)) for part in parts):
                yield ast.unparse(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _bare(left)
            yield from _bare(right)
        case ast.BinOp(left=left, op=ast.Mod()):
            yield from _bare(left)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _bare(body)
            yield from _bare(orelse)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            yield from (words for element in elements for words in _bare(element))
        case ast.Dict(values=values):
            yield from (words for each in values for words in _bare(each))


def test_every_error_and_message_of_the_django_apps_is_marked_for_translation():
    paths = {
        str(path.relative_to(env.ROOT)): path
        for app in APPS
        for path in (env.ROOT / app).rglob("*.py")
        if not PURE.match(str(path.relative_to(env.ROOT)))
    }
    sources = {name: path.read_text() for name, path in paths.items()}
    speaking = {name: text for name, text in sources.items() if SPEAKS.search(text)}
    assert len(speaking) > 100
    found = {name: unmarked_words(source) for name, source in speaking.items()}
    assert {name: words for name, words in found.items() if words} == {}


def test_words_outside_of_marks_are_found_wherever_a_person_is_told_them():
    source = """
def refuse(name):
    message = f"There is no {name}."
    if name:
        raise AppError(message, code="unknown", fields={"name": ["Write one.", gettext("Marked")]})
    raise AppError(gettext("Marked %(name)s") % {"name": name} if name else "Bare", code="a_code")
def note(request, form, errors):
    errors["name"] = ["Too long."]
    messages.success(request, gettext(f"Saved {name}."))
    form.add_error("name", "Loose")
    raise AppError(f"{name}: {errors}", code="invalid", fields=errors)
"""
    told = {"gettext(f'Saved {name}.')", "f'There is no {name}.'", "Write one.", "Bare", "Loose", "Too long."}
    assert set(unmarked_words(source)) == told
