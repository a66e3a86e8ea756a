"""Steps, seasons, and the calendar of stamps."""

import numpy as np
import pandas as pd
import pytest

from autopq.data.calendar import calendar_features
from autopq.data.frequency import Frequency, infer_frequency, parse_frequency
from autopq.errors import InputError

ALIASES = [
    "s", "5min", "15min", "30min", "h", "3h", "D", "2D", "B", "W-SUN", "W-WED", "MS", "ME",
    "2MS", "QS-JAN", "QS-FEB", "QE-DEC", "YS-JAN", "YE-DEC",
]  # fmt: skip


@pytest.mark.parametrize("alias", ALIASES)
def test_the_step_is_found_with_and_without_gaps(alias: str) -> None:
    times = pd.date_range("2024-02-01", periods=40, freq=alias).to_numpy()
    assert infer_frequency(times) == Frequency(alias)
    if alias not in ("QS-FEB", "YS-JAN", "YE-DEC"):
        assert infer_frequency(np.delete(times, [3, 4, 11, 20])) == Frequency(alias)


@pytest.mark.parametrize("alias", ALIASES)
def test_the_grid_is_that_of_pandas(alias: str) -> None:
    expected = pd.date_range("2024-02-01", periods=50, freq=alias).to_numpy()
    frequency = Frequency(alias)
    np.testing.assert_array_equal(frequency.range(expected[0], 50), expected)
    assert infer_frequency(frequency.range(expected[0], 50)) == frequency


def test_the_step_is_that_within_series_not_between_them() -> None:
    hours = pd.date_range("2024-01-01", periods=3, freq="h").to_numpy()
    times = np.concatenate([hours + np.timedelta64(7 * i, "m") for i in range(5)])
    assert infer_frequency(times, np.repeat(np.arange(5), 3)) == Frequency("h")


def test_irregular_and_too_few_stamps_are_refused() -> None:
    rng = np.random.default_rng(0)
    start = np.datetime64("2024-01-01", "us")
    irregular = start + np.cumsum(rng.integers(1, 10_000, 50)) * np.timedelta64(1, "s")
    for times in (irregular, irregular[:2]):
        with pytest.raises(InputError) as caught:
            infer_frequency(times)
        assert "freq" in caught.value.issues[0].mend


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("H", "h"),
        ("15T", "15min"),
        ("60min", "h"),
        ("24h", "D"),
        ("M", "ME"),
        ("W", "W-SUN"),
        ("QS-OCT", "QS-JAN"),
    ],
)
def test_what_people_type(typed: str, meant: str) -> None:
    assert parse_frequency(typed) == Frequency(meant)


@pytest.mark.parametrize("typed", ["", "fortnight", "-1h", "0h", "SME", "h; rm", "1.5h"])
def test_what_is_no_step(typed: str) -> None:
    with pytest.raises(InputError):
        parse_frequency(typed)


@pytest.mark.parametrize(
    ("alias", "seasons"),
    [
        ("h", (24, 168)),
        ("15min", (96, 672)),
        ("6h", (4, 28)),
        ("D", (7, 364)),
        ("B", (5, 260)),
        ("W-MON", (52,)),
        ("MS", (12,)),
        ("QE-DEC", (4,)),
        ("YS-JAN", (1,)),
    ],
)
def test_seasons(alias: str, seasons: tuple[int, ...]) -> None:
    assert Frequency(alias).seasons == seasons


def test_cycles_close_and_do_not_repeat_within() -> None:
    year = pd.date_range("2023-01-01", "2024-01-01", freq="h").to_numpy()
    features, names = calendar_features(year, Frequency("h"))
    by_name = dict(zip(names, features.T, strict=True))
    assert names[:2] == ("time_of_day_sin", "time_of_day_cos")
    assert np.abs(features).max() <= 1
    # 24 different hours, 7 different weekdays: 23 h is not 0 h, and the next day begins alike.
    for name, size in (("time_of_day", 24), ("weekday", 7)):
        pairs = np.round(np.column_stack([by_name[f"{name}_sin"], by_name[f"{name}_cos"]]), 9)
        assert len(np.unique(pairs, axis=0)) == size
    daily = np.hypot(*np.diff(features[:, :2], axis=0).T)
    assert daily.max() == pytest.approx(daily.min())
    weekday = pd.DatetimeIndex(year).day_of_week
    np.testing.assert_array_equal(by_name["weekend"], weekday >= 5)
    # The last hour of a year lies beside the first.
    assert np.hypot(*(features[-1] - features[-2])[5:]) < 0.02


@pytest.mark.parametrize(
    ("alias", "kinds"),
    [
        ("15min", {"time_of_day", "weekday", "weekend", "day_of_year"}),
        ("D", {"weekday", "weekend", "day_of_year"}),
        ("W-SUN", {"day_of_year"}),
        ("MS", {"day_of_year"}),
        ("YS-JAN", set()),
    ],
)
def test_only_cycles_longer_than_the_step(alias: str, kinds: set[str]) -> None:
    times = Frequency(alias).range(np.datetime64("2024-01-01", "us"), 6).reshape(2, 3)
    features, names = calendar_features(times, Frequency(alias))
    assert features.shape == (2, 3, len(names))
    assert {name.removesuffix("_sin").removesuffix("_cos") for name in names} == kinds
