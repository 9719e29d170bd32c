"""Orders of outputs: ranked, best and worst, ticked."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from annotations.quality.measures.rows import REPLICATES, Items, Note, Row, alpha_row, part, same
from annotations.studies.inputs import Triples
from rewards.statistics.agreement import krippendorff_alpha, percent_agreement
from rewards.statistics.concordance import Place, rank_agreement
from rewards.statistics.pair_agreement import Given, pair_agreement

_Picks = list[Given[frozenset[Hashable]]]


@dataclass(frozen=True)
class OrderMeasure:
    """Kendall's tau-b of the orders that answers imply, and how often two people have the same at the ends."""

    places: Sequence[Place]
    ends: Mapping[str, str]
    """What is told of the ends of an order, by "first" and "last"."""
    has_chance: bool = False
    """Whether one output stands at each end, so that by lot two people pick the same of k with the chance 1 / k."""

    def items(self) -> Items:
        return frozenset(place.item for place in self.places)

    def over(self, items: Items) -> float:
        return rank_agreement([place for place in self.places if place.item in items], replicates=0).tau.value

    def row(self, seed: int) -> Row:
        found = rank_agreement(self.places, replicates=REPLICATES, seed=seed)
        parts = [self._same_at(end, name, seed) for end, name in self.ends.items()]
        return {
            "measure": "Kendall's tau-b, mean over pairs of people",
            "value": found.tau.value,
            "low": found.tau.low,
            "high": found.tau.high,
            "equal": None,
            "n_units": found.n_items,
            "n_raters": found.n_raters,
            "n_values": len(self.places),
            "n_unpaired": 0,
            "n_missing": 0,
            "parts": [*parts, part("Kendall's W, mean over items", found.w, n=found.w.n)] if found.n_items else [],
            "note": "" if found.n_items else {"code": "none_ordered_twice"},
        }

    def _same_at(self, end: str, name: str, seed: int) -> Row:
        found = pair_agreement(self._at(end), same, replicates=REPLICATES // 2, seed=seed)
        return part(name, found, n=found.n, note=self._chance() if self.has_chance else "")

    def _at(self, end: str) -> _Picks:
        """Who put what at the top or at the bottom; tied outputs together."""
        tiers: dict[tuple[Hashable, Hashable], dict[Hashable, float]] = defaultdict(dict)
        for place in self.places:
            tiers[place.item, place.rater].setdefault(place.output, place.tier)
        found = []
        for (item, rater), given in tiers.items():
            wanted = min(given.values()) if end == "first" else max(given.values())
            found.append(Given(item, rater, frozenset(output for output, tier in given.items() if tier == wanted)))
        return found

    def _chance(self) -> Note:
        sizes: dict[Hashable, set[Hashable]] = defaultdict(set)
        for place in self.places:
            sizes[place.item].add(place.output)
        by_lot = [Given(one.unit, one.rater, 1 / len(sizes[one.unit])) for one in self._at("first")]
        chance = pair_agreement(by_lot, lambda one, _: one, replicates=0).value
        return {"code": "by_lot", "share": chance} if chance == chance else ""


@dataclass(frozen=True)
class TickMeasure:
    """Alpha of ticked or not, output by output, whose interval draws items; the orders implied have many ties."""

    places: Sequence[Place]

    def items(self) -> Items:
        return frozenset(place.item for place in self.places)

    def over(self, items: Items) -> float:
        return krippendorff_alpha(*_ticks([place for place in self.places if place.item in items])).value

    def row(self, seed: int) -> Row:
        columns = _ticks(self.places)
        of: dict[Hashable, Hashable] = {f"{place.item}/{place.output}": place.item for place in self.places}
        alpha = krippendorff_alpha(*columns, clusters=of, replicates=REPLICATES, seed=seed)
        return {
            **alpha_row(alpha, "Krippendorff's alpha, nominal"),
            "equal": percent_agreement(*columns).value,
            "parts": self._parts(columns, seed) if alpha.n_units else [],
            "note": "" if alpha.n_units else {"code": "none_ticked_twice"},
        }

    def _parts(self, columns: Triples, seed: int) -> list[Row]:
        tau = rank_agreement(self.places, replicates=REPLICATES // 2, seed=seed).tau
        share = sum(value == 1.0 for value in columns.values) / len(columns.values)
        note = {"code": "ticked", "share": share, "n": len(columns.values)}
        return [part("Kendall's tau-b of the implied orders", tau, n=tau.n, note=note)]


def _ticks(places: Sequence[Place]) -> Triples:
    """1 for what was ticked, stored at tier 1."""
    return Triples(
        [f"{place.item}/{place.output}" for place in places],
        [int(str(place.rater)) for place in places],
        [float(place.tier == 1) for place in places],
    )
