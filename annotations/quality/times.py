"""How long people looked at the parts of an item: the prompt, the responses, each question."""

from collections import Counter, defaultdict
from typing import Any

from annotations.active_parts import GUIDELINES, PROMPT, QUESTION, RESPONSE
from annotations.models import Campaign, CampaignItem, Submission
from rewards.models import Rater


def times_of(campaign: Campaign) -> dict[int, dict[str, Any]]:
    """Seconds an item by rater, the mean over the standing submits of work that tell parts (two queries).

    Returns
    -------
    dict of int to dict
        ``n`` items; ``prompt``, ``responses`` (together), ``guidelines`` and ``rest``, what belongs to no part;
        ``questions`` by key and ``answering``, all of these. Who told no parts is left out.
    """
    work = Submission.objects.filter(
        assignment__campaign=campaign, assignment__item__kind=CampaignItem.Kind.WORK, undone_at__isnull=True
    )
    raters = dict(Rater.objects.filter(project=campaign.project_id, user__isnull=False).values_list("user_id", "pk"))
    totals: dict[int, Counter[str]] = defaultdict(Counter)
    counts: Counter[int] = Counter()
    rows = work.exclude(active_parts={}).values_list("assignment__user_id", "active_ms", "active_parts")
    for user, whole, parts in rows.iterator(chunk_size=20_000):
        if user in raters:
            counts[raters[user]] += 1
            totals[raters[user]].update(parts)
            totals[raters[user]]["rest"] += whole - sum(parts.values())
    return {rater: _mean(totals[rater], n) for rater, n in counts.items()}


def _mean(total: Counter[str], n: int) -> dict[str, Any]:
    seconds = {name: spent / n / 1000 for name, spent in total.items()}
    questions = {
        name.removeprefix(QUESTION): spent for name, spent in sorted(seconds.items()) if name.startswith(QUESTION)
    }
    return {
        "n": n,
        "prompt": seconds.get(PROMPT, 0.0),
        "responses": sum(spent for name, spent in seconds.items() if name.startswith(RESPONSE)),
        "questions": questions,
        "answering": sum(questions.values()),
        "guidelines": seconds.get(GUIDELINES, 0.0),
        "rest": seconds["rest"],
    }
