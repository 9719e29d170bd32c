"""Decisions on the spans that models marked: accepted, changed or rejected."""

from collections import Counter
from collections.abc import Hashable, Mapping

from annotations.quality.measures.rows import REPLICATES, Note, Row, alpha_row, part, replicates
from annotations.studies.inputs import Triples
from rewards.reviews import Decision
from rewards.statistics.agreement import krippendorff_alpha, percent_agreement

STANDS = "Whether it stands at all: alpha, nominal"


def reviews_row(columns: Triples, item_of: Mapping[int, Hashable], seed: int) -> Row:
    """Krippendorff's nominal alpha over models' spans, whose interval draws items.

    Parameters
    ----------
    columns : Triples
        Of `reading.review_columns`; whoever did not decide on a span has no row for it.
    item_of : mapping
        By output.
    seed : int
        Of the bootstrap.
    """
    clusters: dict[Hashable, Hashable] = {
        unit: item_of.get(int(unit.partition("/")[0]), unit) for unit in columns.units
    }
    n = replicates(len(columns.values))
    alpha = krippendorff_alpha(*columns, clusters=clusters, replicates=n, seed=seed)
    stands = Triples(columns.units, columns.raters, [float(one != Decision.REJECTED) for one in columns.values])
    let_stand = krippendorff_alpha(*stands, clusters=clusters, replicates=REPLICATES // 2, seed=seed)
    return {
        **alpha_row(alpha, "Krippendorff's alpha, nominal"),
        "equal": percent_agreement(*columns).value,
        "parts": [part(STANDS, let_stand, n=let_stand.n_units, note=_told(columns))],
        "note": "" if alpha.n_units else {"code": "none_answered_twice"},
    }


def _told(columns: Triples) -> Note:
    counts = Counter(columns.values)
    return {"code": "decided", **{decision.value: counts[decision.value] for decision in Decision}}
