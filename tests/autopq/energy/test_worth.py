import math

import pytest

from autopq.energy.worth import (
    Choice,
    at_equal_accuracy,
    break_even,
    cheapest_within,
    pareto_front,
    step_between,
    steps,
)

CHOICES = [
    Choice("naive", 20.0, 1.0),
    Choice("boosting", 10.0, 5.0, "backprop"),
    Choice("dear and bad", 15.0, 50.0),
    Choice("network", 9.0, 25.0, "backprop"),
    Choice("low rank", 9.4, 20.0, "oialr"),
    Choice("failed", math.nan, 1.0),
]


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    assert [c.name for c in pareto_front(CHOICES)] == ["naive", "boosting", "low rank", "network"]


def test_the_last_per_cent_has_its_price() -> None:
    last = steps(pareto_front(CHOICES))[-1]
    assert (last.before, last.name) == ("low rank", "network")
    assert last.energy_wh == 5.0
    assert last.percent == pytest.approx(100 * 0.4 / 9.4)
    assert last.wh_per_percent == pytest.approx(5.0 * 9.4 / 40)
    with pytest.raises(ValueError, match="no better"):
        step_between(CHOICES[1], CHOICES[2])


@pytest.mark.parametrize(
    ("share", "name"), [(0.0, "network"), (0.05, "low rank"), (0.2, "boosting")]
)
def test_the_cheapest_within_a_share_of_the_best(share: float, name: str) -> None:
    assert cheapest_within(CHOICES, share).name == name


def test_groups_are_compared_where_they_are_as_good() -> None:
    near = at_equal_accuracy(CHOICES, 0.05)
    assert [(c.group, c.name) for c in near] == [("oialr", "low rank"), ("backprop", "network")]


def test_break_even_counts_forecasts() -> None:
    # 20 Wh at 0.30 a kWh are 0.006; a unit less is worth 0.01, so one unit pays in 0.6 forecasts.
    assert break_even(20.0, 0.30, 1.0, 0.01) == pytest.approx(0.6)
    assert break_even(20.0, 0.30, 0.0, 0.01) == math.inf
    assert break_even(0.0, 0.30, 1.0, 0.01) == 0.0
