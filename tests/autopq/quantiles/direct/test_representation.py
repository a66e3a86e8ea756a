"""What a direct member leaves to the validation windows, and what it may not choose."""

from autopq.quantiles.direct.representation import Representation

from .conftest import LIGHT, daily, situation

OPEN = {**LIGHT["lightgbm_quantile"], "level_offset": "none", "day_of_year": "auto"}
YEAR = {"day_of_year_sin", "day_of_year_cos"}


def test_the_day_of_the_year_is_a_feature_one_can_do_without():
    train = situation(daily(days=700)).splits.train
    full, less = (Representation("none", keep).builder(train) for keep in (True, False))
    assert set(full.names) - set(less.names) == YEAR
    assert less.build(train.take(slice(0, 2))).x.shape == (48, len(less.names))


def test_rows_of_less_than_a_year_do_not_bring_the_year_into_a_refit(windy, context):
    chosen = Representation.choose(windy.splits.train, windy.splits.validation, OPEN, context)
    assert not chosen.day_of_year
    years = situation(daily(days=700)).splits.train
    assert not YEAR & set(chosen.builder(years).names)


def test_a_given_choice_is_kept(windy, context):
    given = {**OPEN, "level_offset": "same_type_mean", "day_of_year": False}
    chosen = Representation.choose(windy.splits.train, windy.splits.validation, given, context)
    assert chosen == Representation("same_type_mean", False)
