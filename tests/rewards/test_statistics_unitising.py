"""Unitising alpha against Krippendorff's worked example and a brute force over all sections."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.statistics.unitising import Unit, unitising_alpha

# Krippendorff, Content Analysis, 2nd ed. (2004), p. 254: a continuum 150 to 450. Begin, length, observer, category.
PUBLISHED = [
    (225, 70, "i", "c"),
    (370, 30, "i", "c"),
    (220, 80, "j", "c"),
    (355, 20, "j", "c"),
    (400, 20, "j", "c"),
    (180, 60, "i", "k"),
    (300, 50, "i", "k"),
    (180, 60, "j", "k"),
    (300, 50, "j", "k"),
]
PAIRS = 2 * 300**2


def alpha_of(units, length=300, observers="ij", **options):
    marked = [Unit("text", who, category, begin, begin + size) for begin, size, who, category in units]
    return unitising_alpha(marked, lengths={"text": length}, observers={"text": observers}, **options)


def test_krippendorffs_published_example():
    alpha = alpha_of([(begin - 150, *rest) for begin, *rest in PUBLISHED])
    c, k = alpha.by_category["c"], alpha.by_category["k"]
    assert (c.observed / PAIRS, c.expected / PAIRS) == (
        pytest.approx(0.0144, abs=5e-5),
        pytest.approx(0.0532, abs=5e-5),
    )
    assert (k.observed / PAIRS, k.expected / PAIRS) == (0, pytest.approx(0.0490, abs=5e-5))
    assert (c.value, k.value) == (pytest.approx(0.7286, abs=5e-5), 1)
    assert alpha.value == pytest.approx(0.8591, abs=5e-4)
    assert (alpha.n_units, alpha.n_observers, alpha.n_continua) == (9, 2, 1)


def sections(units, length):
    """Units and gaps from end to end: (begin, length, is a unit)."""
    found, at = [], 0
    for begin, end in units:
        if begin > at:
            found.append((at, begin - at, False))
        found.append((begin, end - begin, True))
        at = end
    return [*found, (at, length - at, False)] if at < length else found


def brute_force(marks, length):
    """The published formulas, section by section; `marks`: disjoint units of each observer."""
    cut = [sections(units, length) for units in marks]
    m, observed = len(cut), 0.0
    for i, one in enumerate(cut):
        for j, other in enumerate(cut):
            for b, n, is_unit in one if i != j else ():
                for c, k, is_other in other:
                    if is_unit and is_other and -n < b - c < k:
                        observed += (b - c) ** 2 + (b + n - c - k) ** 2
                    elif is_unit and not is_other and k - n >= b - c >= 0:
                        observed += n**2
                    elif is_other and not is_unit and n - k >= c - b >= 0:
                        observed += k**2
    units = [n for one in cut for _, n, is_unit in one if is_unit]
    gaps = [n for one in cut for _, n, is_unit in one if not is_unit]
    expected = sum(
        (len(units) - 1) / 3 * (2 * n**3 - 3 * n**2 + n) + n**2 * sum(q - n + 1 for q in gaps if q >= n) for n in units
    )
    places = m * length * (m * length - 1) - sum(n * (n - 1) for n in units)
    return observed / (m * (m - 1) * length**2), 2 / length * expected / places


@st.composite
def disjoint(draw, length=40):
    edges = sorted(draw(st.sets(st.integers(0, length), max_size=8)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@given(st.lists(disjoint(), min_size=2, max_size=4))
@settings(max_examples=60, deadline=None)
def test_it_equals_the_formulas_section_by_section(marks):
    units = [(begin, end - begin, who, "c") for who, row in enumerate(marks) for begin, end in row]
    alpha = alpha_of(units, 40, range(len(marks)))
    if not units:
        assert math.isnan(alpha.value)
        return
    observed, expected = brute_force(marks, 40)
    pairs = len(marks) * (len(marks) - 1) * 40**2
    assert alpha.by_category["c"].observed / pairs == pytest.approx(observed)
    assert alpha.by_category["c"].expected / pairs == pytest.approx(expected)
    assert alpha.value <= 1


def test_who_looked_and_marked_nothing_disagrees_and_who_did_not_look_does_not():
    alone = Unit("a", "i", "c", 2, 5)
    looked = unitising_alpha([alone], lengths={"a": 20}, observers={"a": "ij"})
    # The unit lies in the other's gap: 3^2 in either direction.
    assert looked.by_category["c"].observed == 18
    unseen = unitising_alpha([alone], lengths={"a": 20}, observers={"a": "i"})
    assert math.isnan(unseen.value)
    assert (unseen.n_unpaired, unseen.n_units) == (1, 0)


def test_overlapping_units_of_one_observer_count_as_their_union():
    split = alpha_of([(0, 6, "i", "c"), (4, 6, "i", "c"), (0, 10, "j", "c")])
    assert split.value == 1
    assert split.n_units == 2


def test_texts_with_the_same_observers_are_one_continuum_and_others_add_their_pairs():
    marks = {"a": [(0, 5, "i"), (1, 6, "j")], "b": [(10, 4, "i")], "c": [(3, 3, "i"), (3, 3, "h")]}
    units = [Unit(text, who, "x", b, b + n) for text, rows in marks.items() for b, n, who in rows]
    sizes = {"a": 30, "b": 30, "c": 30}
    both = unitising_alpha(units, lengths=sizes, observers={"a": "ij", "b": "ij", "c": "ih"})
    # a: (0,5) and (1,7): 1 + 4, twice; b: a unit in a gap, 16, twice; c: alike.
    assert both.by_category["x"].observed == 2 * (1 + 4) + 2 * 16
    assert both.value < 1


def test_an_interval_holds_the_value_and_needs_two_texts():
    units, observers = [], {}
    for text in range(30):
        observers[text] = "ij"
        units += [Unit(text, "i", "c", 5, 15), Unit(text, "j", "c", 5 + text % 3, 15)]
    found = unitising_alpha(units, lengths=dict.fromkeys(range(30), 60), observers=observers, replicates=200)
    assert found.low < found.value < found.high < 1
    single = alpha_of([(0, 5, "i", "c"), (1, 5, "j", "c")], replicates=10)
    assert math.isnan(single.low)


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (Unit("b", "i", "c", 0, 2), "expected a continuum with a length"),
        (Unit("a", "i", "c", 2, 2), "expected 0 <= begin < end <= 9"),
        (Unit("a", "i", "c", 2, 10), "expected 0 <= begin < end <= 9"),
        (Unit("a", "z", "c", 2, 3), "expected its observer among those who looked"),
    ],
)
def test_a_unit_that_cannot_be_is_refused_by_name(unit, words):
    with pytest.raises(ValueError, match=words):
        unitising_alpha([unit], lengths={"a": 9}, observers={"a": "ij"})
