"""Numbers as pages show them."""

import pytest

from rewards.templatetags.texts import number, signed


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (-210.4, 2, "\u2212210"),
        (1_300.0, 2, "1300"),
        (999.6, 3, "1000"),
        (-0.0123, 2, "\u22120.012"),
        (38.27, 3, "38.3"),
        (2.5e7, 3, "2.5e+07"),
        (-0.0, 3, "0"),
        (None, 3, "–"),
        (float("nan"), 3, "–"),
    ],
)
def test_a_number_has_so_many_digits_and_no_power_of_ten_below_a_million(
    value: float | None, digits: int, shown: str
) -> None:
    assert number(value, digits) == shown


def test_a_sum_shows_its_sign() -> None:
    assert (signed(1234.4), signed(-1234.4), signed(0.5), signed(0)) == ("+1234", "\u22121234", "+0.5", "0")
