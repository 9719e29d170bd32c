"""Texts that give away who wrote them, looked for before annotators see them."""

import re
from collections.abc import Sequence
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Cast

from annotations.models import Campaign
from rewards.models import Output

# Families of models and their makers, in sentences in which a text speaks about its own author.
_MAKERS = (
    "ChatGPT|GPT-?[345][a-z0-9.-]*|Claude|Gemini|Bard|LLaMA|Llama|Mistral|Qwen|DeepSeek|Gemma|SmolLM|Phi-[1-4]|Grok"
    "|通义千问|文心一言"
)
_COMPANIES = (
    "OpenAI|Anthropic|Google|Meta AI|Mistral AI|Alibaba|DeepSeek|Hugging ?Face|xAI|Microsoft"
    "|阿里巴巴|阿里云|深度求索|百度"
)
# English, German, Dutch, French, Spanish, Portuguese, Italian, Russian.
_I_AM = (
    r"I(?: am|['’]m)|my name is|ich (?:bin|heiße)|mein Name ist|ik ben|mijn naam is|je (?:suis|m['’]appelle)"
    r"|mon nom est|soy|me llamo|mi nombre es|(?:eu )?sou|me chamo|meu nome é|(?:io )?sono|mi chiamo"
    r"|il mio nome è|я|меня зовут"
)
_ARTICLE = "an?|een|eine?|une?|una|uma|um"
_CALLED = "called|named|namens|genannt|nommée?|llamad[oa]|chamad[oa]|chiamat[oa]|по имени"
_MADE_BY = (
    r"(?:trained|developed|created|made|built)\s+by"
    r"|von\s+(?=\S+\s+(?:trainiert|entwickelt|erstellt|geschaffen))|(?:trainiert|entwickelt|erstellt|geschaffen)\s+von"
    r"|(?:entraînée?|développée?|créée?|conçue?)\s+par|(?:entrenad|desarrollad|cread)[oa]\s+por"
    r"|(?:treinad|desenvolvid|criad)[oa]\s+pel[ao]|(?:addestrat|sviluppat|creat)[oa]\s+da"
    r"|(?:обучен|разработан|создан)[аы]?(?:\s+компанией)?"
)
# Letters that other writing follows without a space end a name as well.
_END = r"(?![a-z0-9])"
CONFESSIONS = (
    rf"\b(?:{_I_AM})\s+(?:(?:{_ARTICLE})\s+)?(?:AI\s+\w+\s+)?(?:(?:{_CALLED})\s+)?(?:{_MAKERS}){_END}",
    rf"\b(?:{_MADE_BY})\s*(?:{_COMPANIES}){_END}",
    rf"\bas\s+(?:{_MAKERS}),",
    # Chinese and Japanese write without spaces.
    rf"(?:我是|我叫|我的名字是|私は)\s*(?:{_MAKERS}){_END}",
    rf"由\s*(?:{_COMPANIES})[^。\n]{{0,12}}(?:训练|開発|开发|研发|创建|创造)",
    rf"(?:{_COMPANIES})\s*(?:によって|が)(?:開発|訓練|作成)",
)
MIN_NAME_LENGTH = 3
MAX_SHOWN = 50


def scan_for_leaks(campaign: Campaign) -> dict[str, Any]:
    """Look for names of the project's policies, and for texts that say who they are, in the campaign's outputs.

    The database picks out the suspects (one pass over the texts); at most `MAX_SHOWN` are quoted.

    Returns
    -------
    dict
        ``{"scanned": int, "leaking": int, "found": [{"output": id, "task": id, "quote": str, "reason": str}, ...]}``
    """
    names = [
        name
        for name in campaign.project.policies.order_by("name").values_list("name", flat=True)
        if len(name) >= MIN_NAME_LENGTH
    ]
    outputs = Output.objects.filter(item_outputs__item__campaign=campaign)
    pattern = "|".join([*(_named(name) for name in names), *(_portable(words) for words in CONFESSIONS)])
    suspects = (
        outputs.annotate(text=Cast("messages", TextField())).filter(text__iregex=pattern).order_by("id").distinct()
    )
    found = [leak for output in suspects[:MAX_SHOWN] if (leak := _explained(output, names)) is not None]
    return {"scanned": outputs.count(), "leaking": suspects.count(), "found": found}


def _explained(output: Output, names: Sequence[str]) -> dict[str, Any] | None:
    """The first giveaway in an output, with the words around it."""
    for message in output.messages:
        text = message["text"]
        for name in names:
            hit = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE)
            if hit:
                return _leak(output, text, hit, f"names the policy “{name}”")
        for words in CONFESSIONS:
            hit = re.search(words, text, re.IGNORECASE)
            if hit:
                return _leak(output, text, hit, "says who wrote it")
    return None


def _leak(output: Output, text: str, hit: re.Match[str], reason: str) -> dict[str, Any]:
    quote = text[max(0, hit.start() - 40) : hit.end() + 40].strip()
    return {"output": output.pk, "task": output.task_id, "quote": quote, "reason": reason}


def _named(name: str) -> str:
    """A policy's name as a whole word, in PostgreSQL's dialect."""
    escaped = re.sub(r"([^\w\s])", r"\\\1", name, flags=re.ASCII)
    return rf"(?:^|\W){escaped}(?:\W|$)"


def _portable(words: str) -> str:
    """A pattern in PostgreSQL's dialect, which writes the edge of a word as \\y."""
    return words.replace(r"\b", r"\y")
