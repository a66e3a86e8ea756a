"""`available_at`: a window sees the newest vintage its origin knows, and nothing later."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, TaskConfig
from autopq.data.audit import audit
from autopq.data.panel import Floats, Panel
from autopq.data.splits import split
from autopq.errors import InputError
from autopq.forecasters.features import FeatureBuilder
from autopq.situation import situation

HOUR = pd.Timedelta(hours=1)
CONFIG = TaskConfig(
    horizon=6, known_covariates=("wind",), available_at="available_at", issue_times=("06:00",)
)


def runs(days: int, *, ahead: int = 36, every: int = 12, start: str = "2024-01-01") -> pd.DataFrame:
    """A weather model that runs at midnight and noon for the next `ahead` hours: its value is the
    run's number, and a thousandth of the hour it is for."""
    begin = pd.Timestamp(start, tz="UTC")
    parts = []
    for number in range(-3, days * 24 // every):
        run = begin + number * every * HOUR
        stamps = pd.date_range(run, periods=ahead, freq="h")
        wind = number + (stamps - begin) / HOUR / 1000
        parts.append(pd.DataFrame({"timestamp": stamps, "available_at": run, "wind": wind}))
    table = pd.concat(parts, ignore_index=True)
    table["target"] = np.sin((table["timestamp"] - begin) / HOUR / 4).to_numpy()
    return table[table["timestamp"].between(begin, begin + days * 24 * HOUR, inclusive="left")]


def newest(table: pd.DataFrame, stamp: pd.Timestamp, moment: pd.Timestamp) -> float:
    known = table[(table["timestamp"] == stamp) & (table["available_at"] <= moment)]
    return float(known.sort_values("available_at")["wind"].iloc[-1])


def panel_of(table: pd.DataFrame, **settings: object) -> Panel:
    return audit(table, CONFIG.model_copy(update=settings))[0]


def test_every_window_sees_what_its_origin_knew() -> None:
    table = runs(20)
    panel = panel_of(table)
    for part in (parts := split(panel, CONFIG)).train, parts.validation, parts.test:
        assert len(part)
        found = part.future_covariates()[..., 0]
        stamps = pd.DatetimeIndex(panel.time).tz_localize("UTC")
        for i in range(0, len(part), 7):
            origin = stamps[panel.offsets[part.series[i]] + part.origin[i]]
            expected = [newest(table, stamps[row], origin) for row in part.steps[i]]
            np.testing.assert_allclose(found[i], expected)


def test_later_vintages_change_no_feature() -> None:
    table = runs(20)
    panel, config = panel_of(table), CONFIG
    window = split(panel, config).test.take(slice(2, 3))
    moment = pd.Timestamp(window.moment[0], tz="UTC")
    rewritten = table.copy()
    rewritten.loc[rewritten["available_at"] > moment, "wind"] = 1e6
    builder = FeatureBuilder.fit(split(panel, config).train, "recent_mean")
    assert "wind_at_+1" in builder.names
    seen, blind = (builder.build(replace(window, panel=p)).x for p in (panel, panel_of(rewritten)))
    np.testing.assert_array_equal(seen, blind)
    rewritten.loc[rewritten["available_at"] == moment.floor("12h"), "wind"] += 1
    changed = builder.build(replace(window, panel=panel_of(rewritten))).x
    assert (changed != seen).any()


def test_windows_whose_covariates_come_late_are_left_out() -> None:
    table = runs(20, ahead=14)  # after the twelfth hour nothing is known till the next run
    panel = panel_of(table, issue_times=None)
    parts = split(panel, CONFIG.model_copy(update={"issue_times": None}))
    for part in (parts.train, parts.validation, parts.test):
        assert not part.late().any()
        hours = set(pd.DatetimeIndex(part.moment).hour)
        assert hours == {h for h in range(24) if h % 12 <= 8}


def measured(days: int = 20) -> pd.DataFrame:
    table = runs(days).drop_duplicates(["timestamp"])
    table = table.assign(temperature=np.arange(len(table)) % 11)
    return table.assign(available_at=table["timestamp"] + HOUR)


def test_measurements_passed_off_as_forecasts_fail_with_the_column_named() -> None:
    with pytest.raises(InputError) as raised:
        AutoPQ(CONFIG.model_copy(update={"preset": "fast"})).fit(measured())
    (issue,) = raised.value.issues
    assert issue.field == "wind"
    assert "not known when forecasts are issued: 100% of" in issue.message
    assert "06:00:00" in issue.message, "one hour after the last of six steps"
    assert "available_at" in issue.mend


def test_only_the_covariate_that_leaks_is_named() -> None:
    good, late = runs(20), measured()
    late = late.drop(columns="wind")
    table = pd.concat([good.assign(temperature=np.nan), late.assign(wind=np.nan)])
    with pytest.raises(InputError) as raised:
        panel_of(table, known_covariates=("wind", "temperature"))
    assert [issue.field for issue in raised.value.issues] == ["temperature"]
    assert panel_of(table).covariate_names == ("wind",)


def test_vintages_may_lie_in_any_order() -> None:
    table = runs(20)
    by_stamp = panel_of(table.sort_values(["timestamp", "available_at"]))
    shuffled = panel_of(table.sample(frac=1, random_state=1))
    for panel in (by_stamp, shuffled):
        parts, expected = split(panel, CONFIG), split(panel_of(table), CONFIG)
        np.testing.assert_array_equal(
            parts.train.future_covariates(), expected.train.future_covariates()
        )
        np.testing.assert_array_equal(parts.test.target(), expected.test.target())


def wind_ahead(panel: Panel) -> Floats:
    windows = panel.windows([panel.lengths], 6)
    return windows.future_covariates()[0, :, 0]


def test_a_forecast_uses_the_newest_vintage_of_its_present() -> None:
    table = runs(24)
    present = pd.Timestamp("2024-01-21 06:00", tz="UTC")
    stored = panel_of(table[table["timestamp"] < "2024-01-18"])
    history = table.assign(target=table["target"].where(table["timestamp"] < present))
    panel, _ = situation(CONFIG, stored, history, None)
    expected = [newest(table, present + h * HOUR, present) for h in range(6)]
    np.testing.assert_allclose(wind_ahead(panel), expected)
    # The same from a table of the future alone, with or without saying since when it is known.
    past, future = history[history["timestamp"] < present], history[history["timestamp"] >= present]
    known = future[future["available_at"] <= present].drop_duplicates("timestamp", keep="last")
    for ahead in (future, known.drop(columns="available_at")):
        panel, _ = situation(CONFIG, stored, past, ahead.drop(columns="target"))
        np.testing.assert_allclose(wind_ahead(panel), expected)


def test_vintages_not_out_yet_are_missing_at_present() -> None:
    table = runs(24, ahead=14)
    stored = panel_of(table[table["timestamp"] < "2024-01-18"])
    present = pd.Timestamp("2024-01-21 11:00", tz="UTC")
    history = table.assign(target=table["target"].where(table["timestamp"] < present))
    with pytest.raises(InputError, match="wind: is missing for 3 of the 6 steps"):
        situation(CONFIG, stored, history, None)


def test_a_model_of_vintages_forecasts_from_its_own_end() -> None:
    table = runs(24)
    present = pd.Timestamp("2024-01-24 06:00", tz="UTC")
    table["target"] = table["target"].where(table["timestamp"] < present)
    config = CONFIG.model_copy(
        update={"preset": "fast", "forecasters": ("lightgbm",), "quantile_models": ("residual",)}
    )
    model = AutoPQ(config).fit(table).model
    expected = [newest(table, present + h * HOUR, present) for h in range(6)]
    panel, _ = situation(config, model.history, None, None)
    np.testing.assert_allclose(wind_ahead(panel), expected)
    assert model.predict().quantiles.shape[:2] == (1, 6)


def test_two_series_keep_their_vintages_apart() -> None:
    table = runs(20)
    both = pd.concat([table.assign(item_id="a"), table.assign(item_id="b", wind=-table["wind"])])
    panel = panel_of(both, item_id="item_id")
    parts = split(panel, CONFIG)
    first, second = (parts.test.take(parts.test.series == s).future_covariates() for s in (0, 1))
    np.testing.assert_array_equal(first, -second)


def test_computed_holidays_are_known_from_the_start() -> None:
    panel = panel_of(runs(20), holidays="DE", timezone="Europe/Berlin")
    windows = panel.windows([np.array([0])], 6).future_covariates()
    assert panel.covariate_names == ("wind", "holiday:DE")
    assert windows[0, :, 1].tolist() == [1.0] * 6  # New Year's Day


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (
            lambda t: t.assign(available_at=t["available_at"].where(t.index != 30)),
            "available_at",
            "does not say when",
        ),
        (lambda t: t.assign(available_at="soon"), "available_at", "'soon' is not a time stamp"),
        (lambda t: t.assign(target=t["wind"]), "target", "one value a stamp"),
        (lambda t: pd.concat([t, t]), "timestamp", "appears twice"),
        (lambda t: t.drop(columns="available_at"), "available_at", "has no column"),
    ],
)
def test_what_cannot_be_vintages_is_named(
    change: Callable[[pd.DataFrame], pd.DataFrame], field: str, words: str
) -> None:
    with pytest.raises(InputError) as raised:
        panel_of(change(runs(20).reset_index(drop=True)))
    issue = raised.value.issues[0]
    assert issue.field == field
    assert words in f"{issue.message} {issue.mend}"


def test_clock_times_that_come_twice_need_their_offset() -> None:
    table = runs(20, start="2024-10-15").reset_index(drop=True)
    local = table["timestamp"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    naive = table.assign(timestamp=local, available_at=table["available_at"].dt.tz_localize(None))
    with pytest.raises(InputError, match="2024-10-27 02:00 comes twice or never"):
        panel_of(naive, timezone="Europe/Berlin")


def test_availability_needs_covariates() -> None:
    with pytest.raises(ValueError, match="name them"):
        TaskConfig(available_at="available_at")
