"""Clock changes: local stamps become a gapless time line and come back as they were."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from autopq.data.audit import audit
from autopq.data.example import synthetic_load
from autopq.data.panel import Panel
from autopq.data.report import AuditReport
from autopq.data.zones import to_local, to_utc
from autopq.errors import InputError
from autopq.task import TaskConfig

BERLIN = "Europe/Berlin"


def run(table: pd.DataFrame, **settings: Any) -> tuple[Panel, AuditReport]:
    return audit(table, TaskConfig(**{"target": "load", "horizon": 4, **settings}))


def around(day: str, freq: str = "15min", series: int = 2) -> pd.DataFrame:
    """Local stamps from two days before the day until two days after it."""
    start = str((pd.Timestamp(day) - pd.Timedelta(days=2)).date())
    return synthetic_load(
        np.random.default_rng(0), days=5, freq=freq, series=series, start=start, timezone=BERLIN
    )


def test_a_year_of_quarter_hours_of_two_series_makes_the_round_trip() -> None:
    table = synthetic_load(
        np.random.default_rng(0), days=366, freq="15min", series=2, timezone=BERLIN
    )
    panel, report = run(table, timezone=BERLIN)
    assert (np.diff(panel.time[: panel.sizes[0]]) == np.timedelta64(15, "m")).all()
    assert panel.lengths.tolist() == [366 * 96] * 2
    np.testing.assert_array_equal(panel.local_time, table["timestamp"].to_numpy())
    np.testing.assert_array_equal(panel.target, table["load"])
    assert report.short_days == ("2024-03-31",)
    assert report.long_days == ("2024-10-27",)
    assert report.missing_rows == 0
    assert report.timezone == BERLIN


@pytest.mark.parametrize(
    ("zone", "freq"),
    [
        (BERLIN, "15min"),
        (BERLIN, "h"),
        ("America/New_York", "30min"),
        ("Australia/Lord_Howe", "15min"),  # where the clock moves by half an hour
        ("UTC", "h"),
    ],
)
def test_local_time_and_back(zone: str, freq: str) -> None:
    utc = pd.date_range("2024-01-01", "2025-01-01", freq=freq).to_numpy().astype("datetime64[us]")
    both = np.concatenate([utc, utc])
    series = np.repeat([0, 1], len(utc))
    np.testing.assert_array_equal(to_utc(to_local(both, zone), series, zone), both)


def test_a_series_that_begins_or_ends_within_the_repeated_hour() -> None:
    local = np.array(
        ["2024-10-27T02:30", "2024-10-27T02:45", "2024-10-27T02:00", "2024-10-27T02:15"],
        dtype="datetime64[us]",
    )
    utc = to_utc(local, np.zeros(4, np.int64), BERLIN)
    assert (np.diff(utc) == np.timedelta64(15, "m")).all()
    assert utc[0] == np.datetime64("2024-10-27T00:30")


def test_an_export_without_the_second_pass_has_a_gap_there() -> None:
    table = around("2024-10-27", "h", series=1)
    once = table.drop_duplicates("timestamp")
    panel, report = run(once, timezone=BERLIN)
    assert report.missing_rows == 1
    assert panel.time[np.isnan(panel.target)] == np.datetime64("2024-10-27T01:00")


def test_without_a_zone_the_repeated_hour_is_a_duplicate_and_the_mend_says_so() -> None:
    with pytest.raises(InputError) as caught:
        run(around("2024-10-27"))
    issue = caught.value.issues[0]
    assert issue.row == 2 * 96 + 3 * 4 + 1
    assert "`timezone`" in issue.mend


def test_a_stamp_that_the_clock_skips_is_refused() -> None:
    table = around("2024-03-31", "h", series=1)
    row = int(np.flatnonzero(table["timestamp"] == pd.Timestamp("2024-03-31 03:00"))[0])
    table.loc[row, "timestamp"] = pd.Timestamp("2024-03-31 02:00")
    with pytest.raises(InputError) as caught:
        run(table, timezone=BERLIN)
    issue = caught.value.issues[0]
    assert issue.row == row + 1
    assert "does not exist" in issue.message


def aware(day: str) -> tuple[pd.DataFrame, pd.DatetimeIndex]:
    stamps = pd.date_range(
        pd.Timestamp(day) - pd.Timedelta(days=4), periods=200, freq="h", tz=BERLIN
    )
    return pd.DataFrame({"load": np.random.default_rng(0).normal(size=200)}), stamps


def test_written_offsets_and_typed_zones_say_the_same_instants() -> None:
    values, stamps = aware("2024-10-27")
    instants = stamps.tz_convert("UTC").tz_localize(None).to_numpy()
    written = values.assign(time=[stamp.isoformat() for stamp in stamps])
    for table, settings in (
        (written, {"timezone": BERLIN}),
        (values.assign(time=stamps), {}),
        (values.assign(time=stamps.tz_convert("UTC")), {"timezone": BERLIN}),
    ):
        panel, _ = run(table, **settings)
        assert panel.timezone == BERLIN
        np.testing.assert_array_equal(panel.time, instants)
        np.testing.assert_array_equal(panel.local_time, stamps.tz_localize(None).to_numpy())
    unzoned, report = run(written)
    np.testing.assert_array_equal(unzoned.time, instants)
    assert "offsets_mixed" in [w.code for w in report.warnings]


def test_one_fixed_offset_is_a_zone_of_its_own() -> None:
    stamps = pd.date_range("2024-01-01", periods=200, freq="h", tz="+05:30")
    table = pd.DataFrame({"time": [s.isoformat() for s in stamps], "load": np.arange(200.0)})
    panel, _ = run(table)
    assert panel.timezone == "+05:30"
    np.testing.assert_array_equal(panel.local_time, stamps.tz_localize(None).to_numpy())


@pytest.mark.parametrize("as_text", [True, False])
def test_daily_series_stay_on_the_calendar(as_text: bool) -> None:
    stamps = pd.date_range("2024-01-01", "2024-12-31", freq="D", tz=BERLIN)
    time = [s.isoformat() for s in stamps] if as_text else stamps.tz_localize(None)
    table = pd.DataFrame({"time": time, "load": np.random.default_rng(0).normal(size=366)})
    panel, report = run(table, timezone=BERLIN)
    assert report.freq == "D"
    assert len(panel.time) == 366
    np.testing.assert_array_equal(panel.time, stamps.tz_localize(None).to_numpy())
