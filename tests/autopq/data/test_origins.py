"""Issue times: choices and scores on forecasts issued as in production, training on all."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from autopq.data.audit import audit
from autopq.data.origins import issue_rows
from autopq.data.panel import Panel, Windows
from autopq.data.splits import fit_windows, split
from autopq.errors import InputError
from autopq.task import TaskConfig


def table(
    start: str, rows: int, freq: str = "h", zone: str | None = "Europe/Berlin"
) -> pd.DataFrame:
    stamps = pd.date_range(start, periods=rows, freq=freq, tz=zone)
    return pd.DataFrame({"timestamp": stamps, "target": np.sin(np.arange(rows) / 4)})


def panel_of(frame: pd.DataFrame, **settings: object) -> Panel:
    return audit(frame, TaskConfig(horizon=4, **settings))[0]


def clock(panel: Panel, rows: np.ndarray) -> list[str]:
    return [
        str(stamp)[5:16].replace("T", " ")
        for stamp in panel.local_time[rows].astype("datetime64[m]")
    ]


def begins(windows: Windows) -> set[str]:
    return {stamp[6:] for stamp in clock(windows.panel, windows.start)}


def test_models_are_judged_at_the_issue_times_and_trained_at_all() -> None:
    config = TaskConfig(horizon=24, issue_times=("12:00", "00:00"))
    panel = panel_of(table("2024-01-01", 2_000))
    parts = split(panel, config)
    for held, everything in zip(
        (parts.validation, parts.test),
        (split(panel, TaskConfig(horizon=24)).validation, split(panel, TaskConfig()).test),
        strict=True,
    ):
        assert begins(held) == {"00:00", "12:00"}
        assert len(held) == pytest.approx(len(everything) / 12, abs=2)
    assert len(begins(parts.train)) == 24
    assert len(begins(fit_windows(panel, config))) == 24


def test_a_training_budget_leaves_room_for_the_issue_times() -> None:
    panel = panel_of(table("2024-01-01", 6_000))
    config = TaskConfig(horizon=24, issue_times=("11:00",))
    for windows in (split(panel, config, train_windows=200).train, fit_windows(panel, config, 200)):
        assert len(windows) in range(160, 201)
        at_issue = sum(stamp.endswith("11:00") for stamp in clock(panel, windows.start))
        assert at_issue in range(80, 101)
        assert len(begins(windows)) == 24
        assert (np.diff(windows.start) > 0).all()


def test_summer_time_issues_once_a_day_on_the_local_clock() -> None:
    spring = panel_of(table("2024-03-29 22:00", 80))
    assert clock(spring, issue_rows(spring, ["02:00"])) == [
        "03-30 02:00",
        "03-31 03:00",  # the clock skips two o'clock
        "04-01 02:00",
        "04-02 02:00",
    ]
    autumn = panel_of(table("2024-10-26 00:00", 320, "15min"))
    rows = np.flatnonzero(issue_rows(autumn, ["02:30"]))
    assert clock(autumn, rows) == ["10-26 02:30", "10-27 02:30", "10-28 02:30", "10-29 02:30"]
    # Of the half past two that comes twice, the first; a day later is 25 hours after it.
    assert np.diff(rows).tolist() == [96, 100, 96]


@pytest.mark.parametrize(
    ("freq", "time", "apart"), [("15min", "06:45", 96), ("D", "00:00", 1), ("W-MON", "00:00", 1)]
)
def test_any_step_can_be_issued(freq: str, time: str, apart: int) -> None:
    panel = panel_of(table("2024-01-01", 2_000, freq, None), issue_times=(time,))
    assert (np.diff(np.flatnonzero(issue_rows(panel, [time]))) == apart).all()


def test_every_series_keeps_to_its_own_rows() -> None:
    first, second = table("2024-01-01 05:00", 300), table("2024-01-03 21:00", 300)
    frame = pd.concat([first.assign(item_id="a"), second.assign(item_id="b")])
    panel = panel_of(frame, issue_times=("06:00",))
    parts = split(panel, TaskConfig(horizon=4, issue_times=("06:00",)))
    assert set(parts.test.series) == {0, 1}
    assert begins(parts.test) == begins(parts.validation) == {"06:00"}


def test_a_time_off_the_grid_is_named_with_the_times_there_are() -> None:
    with pytest.raises(InputError) as raised:
        panel_of(table("2024-01-01", 400), issue_times=("00:00", "11:30"))
    assert [issue.field for issue in raised.value.issues] == ["issue_times"]
    assert "11:30 on the clock of Europe/Berlin" in str(raised.value)
    assert "00:00, 01:00" in str(raised.value)


def test_a_part_without_an_issue_time_says_so() -> None:
    frame = table("2024-01-01", 60, zone=None)
    with pytest.raises(InputError, match="for validation begins at 00:00"):
        panel_of(frame.iloc[3:], issue_times=("00:00",))


def test_predictions_may_be_made_at_any_time() -> None:
    config = TaskConfig(horizon=4, issue_times=("11:30",))
    panel, _ = audit(table("2024-01-01 05:00", 10), config, purpose="predict")
    assert panel.lengths.tolist() == [10]


def test_issue_times_are_clock_times_in_order() -> None:
    assert TaskConfig(issue_times=("12:00", "00:00", "12:00")).issue_times == ("00:00", "12:00")
    for wrong in (("24:00",), ("7:00",), ("noon",), ()):
        with pytest.raises(ValueError, match="issue_times"):
            TaskConfig(issue_times=wrong)


def test_no_issue_times_means_every_row() -> None:
    panel = panel_of(table("2024-01-01", 100))
    assert issue_rows(panel, None).all()
    assert issue_rows(replace(panel), ["00:00"]).sum() == 5
