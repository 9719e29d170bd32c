"""Answers in and about texts: marked stretches, edits, critiques."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from annotations.protocols.likeness import word_distance, words_f1
from annotations.quality.measures.rows import REPLICATES, Items, Note, Row, alpha_row, part
from annotations.quality.reading import Edit, Spans, Texts
from rewards.statistics.agreement import krippendorff_alpha
from rewards.statistics.overlap import span_overlap
from rewards.statistics.pair_agreement import Given, distance_alpha, pair_agreement
from rewards.statistics.unitising import UnitisingAlpha, unitising_alpha
from rewards.text import Span

Marks = tuple[Span, ...]


@dataclass(frozen=True)
class MarkMeasure:
    """Krippendorff's unitising alpha, by type as well, and how much of what two people marked both did."""

    spans: Spans
    texts: Texts

    def items(self) -> Items:
        return frozenset(self._item(output) for output in self.spans.observers)

    def over(self, items: Items) -> float:
        return self._alpha(items, replicates=0, seed=0).value

    def row(self, seed: int) -> Row:
        alpha = self._alpha(self.items(), replicates=REPLICATES // 5, seed=seed)
        return {
            "measure": "Krippendorff's unitising alpha",
            "value": alpha.value,
            "low": alpha.low,
            "high": alpha.high,
            "equal": None,
            "n_units": alpha.n_continua,
            "n_raters": alpha.n_observers,
            "n_values": alpha.n_units,
            "n_unpaired": alpha.n_unpaired,
            "n_missing": 0,
            "parts": self.parts(alpha, seed) if alpha.n_units else [],
            "note": _why_no_spans(alpha.n_continua, alpha.n_units),
        }

    def parts(self, alpha: UnitisingAlpha, seed: int) -> list[Row]:
        overlap = pair_agreement(
            self._marked(), _marked_alike, clusters=self._item, replicates=REPLICATES // 2, seed=seed
        )
        types = [part(name, one, n=one.n_units) for name, one in alpha.by_category.items()]
        return [*types, part("Characters that both marked, F1", overlap, n=overlap.n)]

    def _alpha(self, items: Items, *, replicates: int, seed: int) -> UnitisingAlpha:
        looked = {output: who for output, who in self.spans.observers.items() if self._item(output) in items}
        return unitising_alpha(
            (unit for unit in self.spans.units if unit.continuum in looked),
            lengths={output: self.texts.length(output) for output in looked},
            observers=looked,
            replicates=replicates,
            seed=seed,
        )

    def _marked(self) -> list[Given[Marks]]:
        """All that each person marked in each text that they looked at, whatever its type."""
        marks: dict[tuple[Hashable, Hashable], list[Span]] = defaultdict(list)
        for unit in self.spans.units:
            marks[unit.continuum, unit.observer].append(Span(0, unit.begin, unit.end))
        looked = [(output, rater) for output, raters in self.spans.observers.items() for rater in raters]
        return [Given(output, rater, tuple(marks[output, rater])) for output, rater in looked]

    def _item(self, output: Hashable) -> Hashable:
        return self.texts.item_of[int(str(output))]


@dataclass(frozen=True)
class EditMeasure(MarkMeasure):
    """Unitising alpha of where texts were changed; beside it whether they were, and how alike the changes are."""

    edits: Sequence[Given[Edit]] = ()

    def parts(self, alpha: UnitisingAlpha, seed: int) -> list[Row]:
        changed = [before != after for _, _, (before, after) in self.edits]
        outputs, raters = [one.unit for one in self.edits], [one.rater for one in self.edits]
        of = {output: self._item(output) for output in outputs}
        whether = krippendorff_alpha(outputs, raters, changed, clusters=of, replicates=REPLICATES // 2, seed=seed)
        alike = pair_agreement(self.edits, edited_alike, clusters=self._item, replicates=REPLICATES // 2, seed=seed)
        note = {"code": "changed", "share": sum(changed) / len(changed), "n": len(changed)}
        return [
            part("Whether to change anything: alpha, nominal", whether, n=whether.n_units, note=note),
            part("Share of two people's changes that are the same", alike, n=alike.n),
        ]


@dataclass(frozen=True)
class WordMeasure:
    """Alpha of texts by how few words two of them share: about the same answer more than about any two."""

    written: Sequence[Given[str]]
    texts: Texts

    def items(self) -> Items:
        return frozenset(self._item(one.unit) for one in self.written)

    @cached_property
    def _apart(self) -> Callable[[str, str], float]:
        """Kept as long as the measure: each of its figures asks for the same pairs."""
        return cache(lambda one, other: 1 - words_f1(one, other))

    def over(self, items: Items) -> float:
        kept = [one for one in self.written if self._item(one.unit) in items]
        return distance_alpha(kept, self._apart).value

    def row(self, seed: int) -> Row:
        alpha = distance_alpha(self.written, self._apart, clusters=self._item, seed=seed)
        by_voice = defaultdict(list)
        for one in self.written:
            by_voice[str(one.unit).split("/")[1]].append(one)
        n_written = len({(str(one.unit).split("/")[0], one.rater) for one in self.written})
        return {
            **alpha_row(alpha, "Krippendorff's alpha, distance 1 − F1 of the words"),
            "equal": None,
            "parts": [self._voice(*voice, seed) for voice in by_voice.items()] if len(by_voice) > 1 else [],
            "note": {"code": "written", "n": n_written},
        }

    def _voice(self, name: str, written: Sequence[Given[str]], seed: int) -> Row:
        alpha = distance_alpha(written, self._apart, clusters=self._item, seed=seed)
        return part(name.replace("_", " ").capitalize(), alpha, n=alpha.n_units)

    def _item(self, unit: Hashable) -> Hashable:
        return self.texts.item_of[int(str(unit).split("/")[0])]


def edited_alike(one: Edit, other: Edit) -> float:
    """``1 - d(a, b) / (d(a, o) + d(b, o))`` of two edits a and b of the text o; NaN where nobody changed it.

    d counts words to cut out and to put in. 1 for the same text; 0 where no change of the one is in the other.
    """
    (before, mine), (_, theirs) = one, other
    whole = word_distance(mine, before) + word_distance(theirs, before)
    return 1 - word_distance(mine, theirs) / whole if whole else float("nan")


def _marked_alike(one: Marks, other: Marks) -> float:
    """NaN where neither marked anything: that is agreement, but of no characters."""
    return span_overlap(one, other).f1


def _why_no_spans(n_continua: int, n_units: int) -> Note:
    if not n_continua:
        return {"code": "none_read_twice"}
    return "" if n_units else {"code": "none_marked"}
