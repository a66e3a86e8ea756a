"""Tables against a task: what is masked, what is told, what is refused."""

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autopq.data.audit import audit, inspect
from autopq.data.panel import Panel
from autopq.data.report import AuditReport
from autopq.errors import InputError, Issue
from autopq.task import UNAUDITED, TaskConfig

HOURS = 300


def hourly(rows: int = HOURS, **columns: Any) -> pd.DataFrame:
    time = pd.date_range("2024-01-01", periods=rows, freq="h")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"timestamp": time, "load": rng.normal(50, 5, rows)})
    return frame.assign(**columns)


def two_series() -> pd.DataFrame:
    return pd.concat([hourly(item_id="b"), hourly(item_id="a")], ignore_index=True)


def run(table: pd.DataFrame, **settings: Any) -> tuple[Panel, AuditReport]:
    purpose = settings.pop("purpose", "fit")
    future = settings.pop("future", None)
    config = TaskConfig(**{"target": "load", "horizon": 24, **settings})
    return audit(table, config, future=future, purpose=purpose)


def refusal(table: pd.DataFrame, **settings: Any) -> tuple[Issue, ...]:
    with pytest.raises(InputError) as caught:
        run(table, **settings)
    assert all(issue.mend for issue in caught.value.issues)
    return caught.value.issues


def edited(row: int, column: str, value: object, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """The table with one cell changed; `row` counts from 1."""
    table = hourly() if table is None else table
    values = table[column].astype(object)
    values.iloc[row - 1] = value
    return table.assign(**{column: values})


def test_a_clean_table_becomes_a_panel_with_its_series_in_order() -> None:
    panel, report = run(two_series())
    assert panel.item_ids == ("b", "a")
    assert panel.lengths.tolist() == panel.sizes.tolist() == [HOURS, HOURS]
    assert panel.freq.alias == report.freq == "h"
    np.testing.assert_array_equal(panel.target[:HOURS], hourly()["load"])
    assert report.warnings == ()
    json.dumps(report.as_dict(), allow_nan=False)


def test_interleaved_series_are_told_apart() -> None:
    panel, _ = run(two_series().sort_values("timestamp", kind="stable"))
    reference, _ = run(two_series())
    np.testing.assert_array_equal(panel.target, reference.target)


@pytest.mark.parametrize("settings", [{"target": "Load"}, {"known_covariates": ("wind",)}])
def test_unknown_column_lists_the_known_ones(settings: dict[str, Any]) -> None:
    (issue,) = refusal(hourly(), **settings)
    assert issue.field in ("target", "known_covariates")
    assert "'load'" in issue.mend


def test_all_wrong_settings_are_told_at_once() -> None:
    issues = refusal(
        hourly(), target="x", known_covariates=("w",), freq="fortnight", timezone="Mars/Olympus"
    )
    assert [i.field for i in issues] == ["target", "known_covariates", "freq", "timezone"]


def test_wrong_cells_of_several_columns_are_told_at_once() -> None:
    table = edited(5, "timestamp", "yesterday", edited(7, "load", "n.b.", hourly(wind=1.0)))
    issues = refusal(edited(9, "wind", np.inf, table), known_covariates=("wind",))
    assert {(i.field, i.row) for i in issues} == {("timestamp", 5), ("load", 7), ("wind", 9)}


def test_decimal_comma_is_explained() -> None:
    (issue,) = refusal(edited(12, "load", "1,5"))
    assert (issue.field, issue.row) == ("load", 12)
    assert "point" in issue.mend


@pytest.mark.parametrize("empty", ["", "NA", "null", None, " nan "])
def test_empty_texts_are_missing_values(empty: object) -> None:
    panel, report = run(edited(40, "load", empty))
    assert np.isnan(panel.target[39])
    assert report.missing_values["load"] == 1


def test_repeated_stamp_names_its_row_and_series() -> None:
    table = pd.concat([two_series(), two_series().iloc[[3]]], ignore_index=True)
    (issue,) = refusal(table)
    assert issue.row == 2 * HOURS + 1
    assert "'b'" in issue.message
    assert "twice" in issue.message


def test_unordered_stamp_names_its_row() -> None:
    table = hourly()
    order = np.arange(HOURS)
    order[[10, 11]] = [11, 10]
    (issue,) = refusal(table.iloc[order])
    assert issue.row == 12
    assert "Sort" in issue.mend


def test_too_short_says_how_many_rows_are_needed() -> None:
    (issue,) = refusal(hourly(100))
    needed = int(issue.message.split("needs ")[1].rstrip("."))
    run(hourly(needed))
    refusal(hourly(needed - 1))


def test_missing_values_are_masked_and_listed() -> None:
    table = hourly()
    table.loc[100:104, "load"] = np.nan
    panel, report = run(table.drop(index=range(200, 203)))
    assert np.flatnonzero(np.isnan(panel.target)).tolist() == [*range(100, 105), *range(200, 203)]
    assert report.missing_rows == 3
    assert report.missing_values["load"] == 5
    assert [(b.start, b.end, b.rows) for b in report.missing_blocks] == [
        ("2024-01-05T04:00:00", "2024-01-05T08:00:00", 5),
        ("2024-01-09T08:00:00", "2024-01-09T10:00:00", 3),
    ]
    assert "missing_target" in [w.code for w in report.warnings]


def test_too_many_missing_values_are_refused() -> None:
    table = hourly()
    table.loc[::20, "load"] = np.nan
    issues = refusal(table)
    assert {i.field for i in issues} == {"load"}
    assert "complete window" in issues[0].message


def test_leading_gap_is_cut_and_trailing_rows_are_the_future() -> None:
    table = hourly(wind=np.arange(HOURS, dtype=float))
    table.loc[:9, "load"] = np.nan
    table.loc[HOURS - 24 :, "load"] = np.nan
    panel, _ = run(table, known_covariates=("wind",), purpose="predict")
    assert panel.lengths.tolist() == [HOURS - 10 - 24]
    assert panel.sizes.tolist() == [HOURS - 10]
    assert panel.covariates[-1, 0] == HOURS - 1
    assert panel.time[0] == np.datetime64("2024-01-01T10:00")


def test_future_table_is_laid_behind_each_series() -> None:
    table = two_series().assign(wind=1.0)
    stamps = pd.date_range("2024-01-13T12:00", periods=24, freq="h")
    future = pd.concat(
        [
            pd.DataFrame({"timestamp": stamps, "wind": w, "item_id": i})
            for i, w in (("a", 2.0), ("b", 3.0))
        ]
    )
    settings: dict[str, Any] = {"known_covariates": ("wind",), "purpose": "predict"}
    panel, _ = run(table, future=future, **settings)
    assert panel.sizes.tolist() == [HOURS + 24] * 2
    ahead = panel.offsets[:, None] + HOURS + np.arange(24)
    assert (panel.covariates[ahead, 0] == [[3.0], [2.0]]).all()
    # The past of the future table changes nothing.
    early = pd.DataFrame({"timestamp": [table["timestamp"][5]], "wind": 9.0, "item_id": "a"})
    same, report = run(table, future=pd.concat([early, future]), **settings)
    np.testing.assert_array_equal(same.covariates, panel.covariates)
    assert "future_rows_ignored" in [w.code for w in report.warnings]

    (issue,) = refusal(table, future=future[future["item_id"] == "a"], **settings)
    assert issue.field == "future.wind"
    assert "'b'" in issue.message
    (issue,) = refusal(table, future=future[:24].assign(item_id="c"), **settings)
    assert "no history" in issue.message
    (issue,) = refusal(table, future=future.drop(columns="wind"), **settings)
    assert issue.field == "future.known_covariates"


def test_missing_future_covariates_name_the_first_stamp() -> None:
    table = hourly(wind=1.0)
    settings: dict[str, Any] = {"known_covariates": ("wind",), "purpose": "predict"}
    (issue,) = refusal(table, **settings)
    assert issue.field == "wind"
    assert "2024-01-13 12:00" in issue.message
    stamps = pd.date_range("2024-01-13T12:00", periods=24, freq="h")
    future = pd.DataFrame({"timestamp": stamps, "wind": 1.0}).drop(index=7)
    (issue,) = refusal(table, future=future, **settings)
    assert "1 of the 24 steps" in issue.message
    assert "2024-01-13 19:00" in issue.message


def test_predicting_without_covariates_still_makes_room_for_the_horizon() -> None:
    panel, _ = run(hourly(30), purpose="predict")
    assert (panel.lengths[0], panel.sizes[0]) == (30, 54)
    assert panel.time[-1] == np.datetime64("2024-01-03T05:00")


def test_off_grid_stamp_names_its_row() -> None:
    (issue,) = refusal(edited(50, "timestamp", pd.Timestamp("2024-01-03 01:07")))
    assert issue.row == 50
    # The odd first row is blamed, not all the others.
    (issue,) = refusal(edited(1, "timestamp", pd.Timestamp("2023-12-31 23:07")))
    assert issue.row == 1


@pytest.mark.parametrize("freq", ["15min", "D", "2h"])
def test_a_wrong_frequency_is_refused(freq: str) -> None:
    (issue,) = refusal(hourly(), freq=freq)
    assert issue.field in ("freq", "timestamp")
    assert "freq" in issue.mend


def test_a_series_of_another_step_is_named() -> None:
    half = hourly(item_id="half")
    half["timestamp"] = pd.date_range("2024-01-01", periods=HOURS, freq="30min")
    (issue,) = refusal(pd.concat([two_series(), half], ignore_index=True))
    assert "'half'" in issue.message
    assert issue.row == 2 * HOURS + 1


def test_a_wrong_year_does_not_become_a_million_rows() -> None:
    (issue,) = refusal(edited(HOURS, "timestamp", pd.Timestamp("2094-01-01")))
    assert issue.row == HOURS
    assert "leap" in issue.message


def test_harmless_oddities_are_warnings() -> None:
    table = two_series()
    table.loc[table["item_id"] == "a", "load"] = 7.0
    _, report = run(table, lower=10.0, upper=60.0)
    codes = {w.code: w.count for w in report.warnings}
    assert codes["constant_target"] == 1
    assert codes["below_lower_limit"] == HOURS
    assert codes["above_upper_limit"] == int((hourly()["load"] > 60).sum())
    assert codes["flat_stretch"] == 1
    assert report.flat_stretches[0].rows == HOURS


def test_a_series_without_values_or_name_is_refused() -> None:
    table = two_series()
    table.loc[table["item_id"] == "a", "load"] = np.nan
    (issue,) = refusal(table)
    assert "'a'" in issue.message
    (issue,) = refusal(edited(4, "item_id", None, two_series()))
    assert (issue.field, issue.row) == ("item_id", 4)


def test_columns_are_recognised_under_other_names() -> None:
    table = two_series().rename(columns={"timestamp": "ds", "item_id": "unique_id", "load": "y"})
    panel, report = run(table[["y", "unique_id", "ds"]], target="target")
    assert (report.timestamp, report.item_id, report.target) == ("ds", "unique_id", "y")
    assert panel.item_ids == ("b", "a")
    odd = hourly().rename(columns={"timestamp": "Messzeitpunkt"})
    assert run(odd)[1].timestamp == "Messzeitpunkt"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("%d.%m.%Y %H:%M", "2024-01-13T11:00:00"),
        ("%Y-%m-%dT%H:%M:%SZ", "2024-01-13T11:00:00"),
        ("%Y-%m-%d %H:%M:%S+01:00", "2024-01-13T11:00:00"),
    ],
)
def test_spellings_of_stamps(written: str, read: str) -> None:
    table = hourly()
    table["timestamp"] = table["timestamp"].dt.strftime(written)
    assert run(table)[1].end == read


def test_slashes_numbers_and_mixed_offsets_are_not_guessed() -> None:
    table = hourly()
    slashes = table["timestamp"].dt.strftime("%d/%m/%Y %H:%M")
    (issue,) = refusal(table.assign(timestamp=slashes), timestamp="timestamp")
    assert (issue.field, issue.row) == ("timestamp", 1)
    (issue,) = refusal(table.assign(timestamp=np.arange(HOURS)))
    assert "numbers" in issue.message
    texts = table["timestamp"].astype("str")
    (issue,) = refusal(
        edited(3, "timestamp", "2024-01-01 02:00:00Z", table.assign(timestamp=texts))
    )
    assert issue.row == 3


def test_inspection_guesses_and_counts_without_refusing() -> None:
    table = pd.concat([two_series(), two_series().iloc[[3]]], ignore_index=True).drop(index=20)
    found = inspect(table.assign(note="x", spare=np.nan))
    assert (found.timestamp, found.item_id, found.series, found.freq) == (
        "timestamp",
        "item_id",
        2,
        "h",
    )
    assert (found.duplicates, found.unordered, found.gaps) == (1, 1, 1)
    assert {c.name: c.kind for c in found.columns} == {
        "timestamp": "time",
        "load": "number",
        "item_id": "text",
        "note": "text",
        "spare": "empty",
    }
    json.dumps(found.as_dict(), allow_nan=False)
    nothing = inspect(pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
    assert nothing.timestamp is None
    assert nothing.freq is None


def test_data_frames_as_people_keep_them() -> None:
    expected, _ = run(hourly())
    indexed = hourly().set_index("timestamp")
    halves = pd.concat([hourly()[:150], hourly()[150:].reset_index(drop=True)])
    exact = hourly()
    exact["load"] = [Decimal(str(value)) for value in exact["load"]]
    nullable = hourly().convert_dtypes()
    for table in (indexed, halves, exact, nullable):
        panel, _ = run(table)
        np.testing.assert_allclose(panel.target, expected.target, rtol=1e-12)
        np.testing.assert_array_equal(panel.time, expected.time)
    (issue,) = refusal(edited(160, "load", "x", halves))
    assert issue.row == 160


class TestHolidays:
    """Public holidays follow the local calendar and reach as far as the horizon."""

    CONFIG = TaskConfig(target="load", horizon=24, timezone="Europe/Berlin", holidays="DE-BW")

    @pytest.fixture
    def table(self):
        stamps = pd.date_range("2023-12-01", "2024-01-04", freq="h", inclusive="left")
        return pd.DataFrame({"timestamp": stamps, "load": np.arange(float(len(stamps)))})

    def test_local_days_are_marked(self, table):
        panel, _ = audit(table, self.CONFIG)
        assert panel.covariate_names == ("holiday:DE-BW",)
        marked = np.unique(panel.local_time[panel.covariates[:, 0] == 1].astype("datetime64[D]"))
        assert marked.astype(str).tolist() == ["2023-12-25", "2023-12-26", "2024-01-01"]

    def test_the_future_needs_no_upload(self, table):
        panel, _ = audit(table[table["timestamp"] < "2023-12-25"], self.CONFIG, purpose="predict")
        assert panel.covariates[-24:, 0].tolist() == [1.0] * 24

    def test_an_unknown_country_is_named(self, table):
        config = self.CONFIG.model_copy(update={"holidays": "XX"})
        with pytest.raises(InputError, match="'XX'") as caught:
            audit(table, config)
        assert caught.value.issues[0].field == "holidays"


class Blindfolded(TaskConfig):
    """A task whose settings that are said not to matter cannot be read."""

    def __getattribute__(self, name: str) -> Any:
        if name in UNAUDITED:
            raise AssertionError(f"the audit looked at `{name}`")
        return super().__getattribute__(name)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"known_covariates": ("wind",), "available_at": "known_at", "issue_times": ("06:00",)},
        {"issue_times": ("11:00",), "delivery_day": 1, "timezone": "Europe/Berlin"},
        {"static_features": ("region",), "holidays": "DE", "freq": "h"},
        {"lower": 0.0, "upper": 100.0, "lead_time": 2, "test_fraction": 0.0},
    ],
)
def test_only_what_may_matter_is_looked_at(settings: dict[str, Any]) -> None:
    """What is kept of an audit is used again for any task that differs in nothing else."""
    table = hourly(wind=1.0, region="north")
    table["known_at"] = table["timestamp"] - pd.Timedelta(days=2)
    task = Blindfolded.model_construct(target="load", **settings)
    _, report = audit(table, task)
    assert report.as_dict() == run(table, **settings)[1].as_dict()
