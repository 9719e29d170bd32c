"""What a judge would read about one stored output: the source fills its template, and no model is asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from projects.models import Project
from rewards.models import Output, RubricVersion
from rewards.parameters import validate_parameters
from workers.engines.contract import Capability, ErrorCode, Prompt, Refusal, Usage
from workers.inputs import group_item, newest_task_rubrics, output_item
from workers.sources.contract import PROMPT, Declaration, Input, SourceItem
from workers.sources.prompts import TAGS
from workers.sources.registry import source_named
from workers.sources.scoring import missing

MOST_SHOWN = 12
_MOST_MEMBERS = 8
_SECTION = re.compile(r"<(" + "|".join(TAGS) + r")>\n(.*?)\n</\1>", re.DOTALL)


class Piece(NamedTuple):
    """A stretch of a prompt: words of the template (`tag` is empty), or the text between two delimiters."""

    tag: str
    text: str


@dataclass(frozen=True)
class PromptPreview:
    """The prompts that one item makes.

    Attributes
    ----------
    prompts : list of list of Piece
        The first few, each in reading order; delimiters are left out.
    n_prompts : int
        How many there are; a source that asks again after a reply is shown with what it asks first.
    problem : str
        Why there is none.
    """

    prompts: list[list[Piece]]
    n_prompts: int
    problem: str = ""


class _Reader:
    """Stands in for a model: notes what it is asked and answers nothing."""

    capabilities = frozenset(Capability)
    dtype = "float32"
    context_length = 2**31

    def __init__(self) -> None:
        self.identity = {"weights": "", "tokenizer": "", "chat_template": "", "dtype": ""}
        self.usage = Usage()
        self.prompts: dict[Prompt, None] = {}

    def choose(self, questions: Sequence[Any], **_: object) -> list[Refusal]:
        self.prompts |= dict.fromkeys(question.prompt for question in questions)
        return self._nothing(questions)

    def generate(self, requests: Sequence[Any]) -> list[Refusal]:
        self.prompts |= dict.fromkeys(prompt for prompt, _ in requests)
        return self._nothing(requests)

    def logprobs(self, requests: Sequence[Any], **_: object) -> list[Refusal]:
        return self._nothing(requests)

    embed = hidden_states = attentions = reward = distributions = logprobs

    def gradients(self, requests: Sequence[Any], **_: object) -> list[Refusal]:
        self.prompts |= dict.fromkeys(request.prompt for request in requests)
        return self._nothing(requests)

    def _nothing(self, requests: Sequence[Any]) -> list[Refusal]:
        return [Refusal(ErrorCode.UNSUPPORTED, "a preview asks no model")] * len(requests)


def preview_prompt(project: Project, declaration: Declaration, template: str, output: Output) -> PromptPreview:
    """Fill a valid template for an output, or for its task's outputs where the source reads groups.

    Criteria are those of the task's own rubric, else of the project's newest shared one. Parameters are the source's
    defaults. At most six queries.
    """
    item = _item(project, declaration, output)
    if lack := missing(declaration, item):
        return PromptPreview([], 0, lack.detail)
    source, reader = source_named(declaration.name), _Reader()
    parameters = {**validate_parameters(declaration.parameters, {}), PROMPT: template}
    engines: Any = {role.name: reader for role in declaration.models}
    source.score([item], engines, parameters)
    prompts = ["\n\n".join(message.text for message in prompt.messages) for prompt in reader.prompts]
    problem = "" if prompts else "With its default parameters this source asks no model about this output."
    return PromptPreview([pieces(text) for text in prompts[:MOST_SHOWN]], len(prompts), problem)


def pieces(text: str) -> list[Piece]:
    """Cut a filled prompt at its delimiters; texts of data sets hold none, so the cut is exact."""
    found: list[Piece] = []
    end = 0
    for section in _SECTION.finditer(text):
        found += [Piece("", text[end : section.start()]), Piece(section[1], section[2])]
        end = section.end()
    return [piece for piece in [*found, Piece("", text[end:])] if piece.text.strip()]


def _item(project: Project, declaration: Declaration, output: Output) -> SourceItem:
    rubric = _rubric(project, output) if Input.CRITERIA in declaration.inputs else None
    criteria = rubric.content().criteria if rubric else ()
    if not declaration.reads_group:
        return output_item(output.task, [output], criteria, key="preview")
    members = Output.objects.of(project).current().filter(task=output.task_id).order_by("pk")[:_MOST_MEMBERS]
    return group_item(output.task, list(members), criteria, key="preview")


def _rubric(project: Project, output: Output) -> RubricVersion | None:
    own = newest_task_rubrics(project, [output.task.external_id]).get(output.task.external_id)
    if own is not None:
        return own
    newest = RubricVersion.objects.newest_shared(project).first()
    return None if newest is None else RubricVersion.objects.with_criteria().get(pk=newest.pk)
