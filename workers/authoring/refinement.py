"""Refining a rubric by telling its two best outputs apart.

Chasing the Tail (Zhang et al. 2025; code: Jun-Kai-Zhang/rubrics): score the candidates with the current rubric, take
the two that score highest, ask a proposer for edits that separate them, put those two aside, and repeat, four times at
most. Fidelity: code, with three differences. An output whose judging fails is unscored and cannot be among the best
two (there: 0). Scores follow the rule that suits the rubric (there: a weighted sum, which orders fully judged outputs
alike). And nothing is adopted: the result is a proposal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rewards.rubrics.content import RubricContent
from workers.authoring.asking import Question, ask
from workers.authoring.generation import Report, Writing
from workers.authoring.judging import Judge
from workers.authoring.prompts import refinement_prompt
from workers.authoring.replies import Dropped, read_edits
from workers.engines.contract import Capability, Engine, require
from workers.sources.contract import SourceItem
from workers.sources.results import Reply

MOST_ITERATIONS = 4
FEWEST_CANDIDATES = 2

Scores = dict[str, float | None]


@dataclass(frozen=True)
class Iteration:
    """One round: which two were told apart, how they scored before and after it, and what was changed."""

    first: str
    second: str
    before: tuple[float | None, float | None]
    after: tuple[float | None, float | None]
    applied: tuple[str, ...]
    dropped: tuple[Dropped, ...]

    @property
    def is_separated(self) -> bool:
        """Whether a tie of the two was broken."""
        return self.before[0] == self.before[1] and None not in self.after and self.after[0] != self.after[1]


@dataclass(frozen=True)
class Refinement:
    """A refined rubric with the way to it.

    Attributes
    ----------
    content : RubricContent
        Equal to the old one where no edit could be taken.
    iterations : tuple of Iteration
    before, after : dict of str to float or None
        Scores of all candidates under the old and the new rubric; None where judging failed.
    stopped : str
        A code: ``iterations`` (all were done), ``too_few_outputs``, ``too_few_scored``, ``no_edits``, or the state of
        a reply that could not be read.
    detail : str
    replies : tuple of Reply
    """

    content: RubricContent
    iterations: tuple[Iteration, ...]
    before: Scores
    after: Scores
    stopped: str
    detail: str
    replies: tuple[Reply, ...]


def refine_rubric(
    proposer: Engine,
    judge: Judge,
    content: RubricContent,
    candidates: Sequence[SourceItem],
    *,
    iterations: int,
    writing: Writing,
    report: Report,
) -> Refinement:
    """Refine `content` on the candidate outputs of one task.

    Equal scores are taken in the order of the candidates.

    Raises
    ------
    EngineError
        Where a model cannot be asked.
    ValueError
        For a number of iterations outside 1 to `MOST_ITERATIONS`.
    """
    if not 1 <= iterations <= MOST_ITERATIONS:
        raise ValueError(f"iterations {iterations}: expected 1 to {MOST_ITERATIONS}")
    require(proposer, Capability.GENERATE)
    return _Loop(proposer, judge, content, candidates, writing, report).run(iterations)


class _Loop:
    def __init__(
        self,
        proposer: Engine,
        judge: Judge,
        content: RubricContent,
        candidates: Sequence[SourceItem],
        writing: Writing,
        report: Report,
    ) -> None:
        self._proposer, self._judge, self._writing, self._report = proposer, judge, writing, report
        self._content = content
        self._candidates = list(candidates)
        self._replies: list[Reply] = []
        self._done: list[Iteration] = []

    def run(self, iterations: int) -> Refinement:
        self._report(f"judging {len(self._candidates)} outputs")
        before = scores = self._judge.scores(self._content, self._candidates)
        pool, stopped, detail = list(self._candidates), "iterations", ""
        for number in range(1, iterations + 1):
            best = _best_two(pool, scores)
            if best is None:
                stopped = "too_few_outputs" if len(pool) < FEWEST_CANDIDATES else "too_few_scored"
                break
            self._report(f"telling two outputs apart, {number} of {iterations}")
            stopped, detail = self._improve(*best, scores)
            if stopped != "iterations":
                break
            scores = self._judge.scores(self._content, self._candidates)
            self._note_scores(scores)
            pool = [item for item in pool if item not in best]
        return Refinement(
            content=self._content,
            iterations=tuple(self._done),
            before=before,
            after=scores,
            stopped=stopped,
            detail=detail,
            replies=(*self._judge.replies, *self._replies),
        )

    def _improve(self, first: SourceItem, second: SourceItem, scores: Scores) -> tuple[str, str]:
        """Ask for edits and take the valid ones; the code ``iterations`` where the loop may go on."""
        prompt = refinement_prompt(self._content, first, second)
        purpose = f"tell {first.key} and {second.key} apart"
        question = Question(prompt, purpose, partial(read_edits, content=self._content))
        [answer] = ask(self._proposer, [question], max_new_tokens=self._writing.max_new_tokens, seed=self._writing.seed)
        self._replies += answer.replies
        if answer.value is None:
            return answer.reason, answer.failure
        edited = answer.value
        pair = scores[first.key], scores[second.key]
        self._done.append(Iteration(first.key, second.key, pair, pair, edited.applied, edited.dropped))
        self._content = edited.content
        return ("iterations", "") if edited.applied else ("no_edits", "the proposer changed nothing")

    def _note_scores(self, scores: Scores) -> None:
        last = self._done[-1]
        after = scores[last.first], scores[last.second]
        self._done[-1] = Iteration(last.first, last.second, last.before, after, last.applied, last.dropped)


def _best_two(pool: Sequence[SourceItem], scores: Scores) -> tuple[SourceItem, SourceItem] | None:
    scored = [(score, item) for item in pool if (score := scores[item.key]) is not None]
    if len(scored) < FEWEST_CANDIDATES:
        return None
    (_, first), (_, second), *_ = sorted(scored, key=lambda pair: -pair[0])
    return first, second
