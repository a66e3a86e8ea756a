"""From a table to a forecast through the library's front door."""

import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autopq import AutoPQ, FitResult, FittedModel, TaskConfig
from autopq.data.example import synthetic_load
from autopq.energy import EnergyMeter, EnergyRow, SyntheticSource
from autopq.errors import AutoPQError, InputError, Stopped
from autopq.forecasters import registry
from autopq.observer import PHASES, TrialRecord

HORIZON = 24


@dataclass
class Recorder:
    """An observer that keeps what it is told, and may ask to stop at a phase."""

    stop_at: str | None = None
    phases: list[str] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)
    trials: list[TrialRecord] = field(default_factory=list)
    rows: list[EnergyRow] = field(default_factory=list)

    def phase(self, phase: str) -> None:
        self.phases.append(phase)

    def progress(self, fraction: float, message: str) -> None:
        self.fractions.append(fraction)

    def trial(self, trial: TrialRecord) -> None:
        self.trials.append(trial)

    def energy(self, row: EnergyRow) -> None:
        self.rows.append(row)

    def should_stop(self) -> bool:
        return self.stop_at is not None and self.stop_at in self.phases


ROWS = 1300
CONFIG = TaskConfig(
    target="load",
    known_covariates=("temperature",),
    horizon=HORIZON,
    lower=0,
    preset="fast",
    seed=7,
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    days = -(-(ROWS + 2 * HORIZON) // 24)
    return synthetic_load(np.random.default_rng(3), days=days).drop(columns="item_id")


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def result(table: pd.DataFrame, recorder: Recorder) -> FitResult:
    source = SyntheticSource(time.monotonic, lambda _: {"cpu": 10.0, "ram": 2.0})
    with EnergyMeter(source, recorder.energy) as meter:
        return AutoPQ(CONFIG, observer=recorder, meter=meter).fit(table[:ROWS])


@pytest.fixture(scope="module")
def future(table: pd.DataFrame) -> pd.DataFrame:
    return table[ROWS : ROWS + HORIZON].drop(columns="load")


def test_the_forecast_is_finite_ordered_and_inside_its_limits(
    result: FitResult, table: pd.DataFrame, future: pd.DataFrame
) -> None:
    forecast = result.model.predict(future=future)
    assert forecast.quantiles.shape == (1, HORIZON, len(forecast.levels))
    assert np.isfinite(forecast.quantiles).all()
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()
    assert forecast.quantiles.min() >= 0
    assert forecast.paths.shape == (1, 200, HORIZON)
    assert forecast.paths.min() >= 0
    stamps = forecast.to_frame([0.5])["timestamp"]
    ahead = table[ROWS : ROWS + HORIZON]
    assert stamps.tolist() == ahead["timestamp"].tolist()
    truth = ahead["load"].to_numpy()
    low, high = forecast.at([0.01, 0.99])[0].T
    assert ((truth >= low) & (truth <= high)).mean() > 0.7


def test_the_first_row_became_the_model(result: FitResult) -> None:
    assert [row.rank for row in result.leaderboard if row.chosen] == [1]


def test_a_cheaper_model_is_kept_where_scores_are_close(table: pd.DataFrame) -> None:
    config = CONFIG.model_copy(
        update={
            "forecasters": ("seasonal_naive", "climatology"),
            "quantile_models": ("residual",),
            "prefer_cheaper_within": 1.0,
            "refit": False,
        }
    )
    result = AutoPQ(config).fit(table[:ROWS])
    rows = result.leaderboard
    limit = 2 * rows[0].validation["mean_pinball"]
    near = [row for row in rows if row.validation["mean_pinball"] <= limit]
    cheapest = min(near, key=lambda row: row.energy_wh)
    assert [row.name for row in rows if row.chosen] == [cheapest.name]


def test_the_leaderboard_shows_references_and_the_winner_first(result: FitResult) -> None:
    rows = result.leaderboard
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    scores = [row.validation["mean_pinball"] for row in rows]
    assert scores == sorted(scores)
    names = {row.name for row in rows}
    assert {"seasonal_naive+residual", "lightgbm+residual", "lightgbm+cinn_additive"} <= names
    references = {row.name for row in rows if row.reference}
    assert "seasonal_naive+residual" in references
    assert rows[0].test["mean_pinball"] < next(
        row.test["mean_pinball"] for row in rows if row.name == "seasonal_naive+residual"
    )
    assert all(row.seconds > 0 and row.energy_wh > 0 for row in rows)


@pytest.mark.slow
def test_a_model_that_misses_its_coverage_is_not_recommended() -> None:
    rng = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=1000, freq="h")
    # The last fifth, which no choice has seen, is four times as noisy.
    noise = rng.normal(0, np.where(np.arange(1000) < 800, 1.0, 4.0))
    table = pd.DataFrame({"timestamp": stamps, "target": 10 * np.sin(np.arange(1000) / 4) + noise})
    config = TaskConfig(
        preset="fast",
        forecasters=("seasonal_naive",),
        quantile_models=("residual",),
        min_coverage=0.8,
    )
    row = AutoPQ(config).fit(table).leaderboard[0]
    assert row.test["coverage_90"] < 0.8 <= row.validation["coverage_90"]
    assert row.not_recommended == (
        f"its 90 % interval holds {row.test['coverage_90']:.1%} of the test values; "
        "`min_coverage` asks for 80.0%"
    )
    for other in (None, 0.3):
        config = config.model_copy(update={"min_coverage": other})
        assert AutoPQ(config).fit(table).leaderboard[0].not_recommended is None


def test_phases_come_in_order_and_progress_never_falls(
    result: FitResult, recorder: Recorder
) -> None:
    positions = [PHASES.index(phase) for phase in recorder.phases]
    assert recorder.phases[0] == "audit"
    assert recorder.phases[-1] == "refit"
    assert len(set(positions)) == len(positions)
    assert recorder.fractions == sorted(recorder.fractions)
    assert 0 < recorder.fractions[-1] <= 1


def test_energy_rows_lie_in_phases_and_trials(result: FitResult, recorder: Recorder) -> None:
    fitted = [row for row in recorder.rows if row.trial == "lightgbm"]
    assert {row.phase for row in fitted} == {"select"}
    record = next(trial for trial in recorder.trials if trial.name == "lightgbm")
    assert sum(row.total_mj for row in fitted) == pytest.approx(record.energy_wh * 3.6e6, abs=2)
    for earlier, later in zip(recorder.rows, recorder.rows[1:], strict=False):
        assert earlier.ended_at <= later.started_at


def test_a_saved_model_forecasts_the_same_to_the_bit(
    result: FitResult, future: pd.DataFrame, tmp_path: Path
) -> None:
    result.model.save(tmp_path / "model")
    loaded = FittedModel.load(tmp_path / "model")
    first, second = result.model.predict(future=future), loaded.predict(future=future)
    np.testing.assert_array_equal(first.quantiles, second.quantiles)
    np.testing.assert_array_equal(first.paths, second.paths)
    spreads = [member.quantile_model.spread for member in loaded.members]
    assert spreads == [member.quantile_model.spread for member in result.model.members]


def test_the_same_seed_gives_the_same_forecast(
    result: FitResult, table: pd.DataFrame, future: pd.DataFrame
) -> None:
    again = AutoPQ(CONFIG).fit(table[:ROWS])
    np.testing.assert_array_equal(
        again.model.predict(future=future).quantiles,
        result.model.predict(future=future).quantiles,
    )


def test_new_rows_move_the_forecast_forward(result: FitResult, table: pd.DataFrame) -> None:
    fresh = table[ROWS : ROWS + HORIZON]
    later = table[ROWS + HORIZON : ROWS + 2 * HORIZON].drop(columns="load")
    forecast = result.model.predict(fresh, later)
    assert forecast.timestamps[0, 0] == later["timestamp"].iloc[0].to_numpy()
    # Only the new rows were sent: what lies before them comes from the model's own history.
    whole = result.model.predict(table[: ROWS + HORIZON], later)
    np.testing.assert_allclose(forecast.at([0.5]), whole.at([0.5]), rtol=1e-6)


def test_missing_future_covariates_are_named(result: FitResult, future: pd.DataFrame) -> None:
    with pytest.raises(InputError) as caught:
        result.model.predict(future=future[: HORIZON - 1])
    issue = caught.value.issues[0]
    assert issue.field == "future.temperature"
    assert str(future["timestamp"].iloc[-1]) in issue.message


def test_an_unknown_series_is_named(table: pd.DataFrame) -> None:
    two = pd.concat(
        [table[["timestamp", "load"]].assign(item_id=name)[:600] for name in ("a", "b")]
    )
    config = TaskConfig(
        target="load",
        preset="fast",
        forecasters=("seasonal_naive",),
        quantile_models=("residual",),
    )
    model = AutoPQ(config).fit(two).model
    assert model.predict().item_ids == ("a", "b")
    assert model.predict(two[two["item_id"] == "b"]).item_ids == ("b",)
    with pytest.raises(InputError, match="'c'"):
        model.predict(two.assign(item_id="c").drop_duplicates("timestamp"))


def test_a_stop_ends_the_fit_between_trials(table: pd.DataFrame) -> None:
    recorder = Recorder(stop_at="select")
    with pytest.raises(Stopped):
        AutoPQ(CONFIG, observer=recorder).fit(table[:ROWS])
    assert recorder.phases[-1] == "select"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Installs a package with a forecaster `unlucky`, from the body of its class; its name."""

    def package(body: str) -> str:
        (tmp_path / "unlucky.py").write_text(
            "from autopq.forecasters.linear import LinearForecaster\n"
            "class Unlucky(LinearForecaster):\n"
            "    name = 'unlucky'\n"
            "    fits = 0\n"
            f"{textwrap.indent(textwrap.dedent(body), '    ')}"
        )
        info = tmp_path / "unlucky-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: unlucky\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[autopq.forecasters]\nunlucky = unlucky:Unlucky\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        registry._targets.cache_clear()
        return "unlucky"

    yield package
    registry._targets.cache_clear()
    sys.modules.pop("unlucky", None)


def test_a_failing_plug_in_is_a_recorded_reason(
    install: Callable[[str], str], table: pd.DataFrame
) -> None:
    plug_in = install(
        """
        def fit(self, train, validation, context):
            raise ZeroDivisionError('no luck today')
        """
    )
    config = TaskConfig(
        target="load",
        preset="fast",
        forecasters=(plug_in, "seasonal_naive"),
        quantile_models=("residual",),
    )
    recorder = Recorder()
    result = AutoPQ(config, observer=recorder).fit(table[["timestamp", "load"]][:600])
    assert [row.forecaster for row in result.leaderboard] == ["seasonal_naive", plug_in]
    assert result.leaderboard[-1].error == "ZeroDivisionError: no luck today"
    failed = next(trial for trial in recorder.trials if trial.name == plug_in)
    assert failed.score is None
    assert failed.error == "ZeroDivisionError: no luck today"


def test_a_fold_that_fails_is_the_reason_of_what_would_have_stood_on_it(
    install: Callable[[str], str], table: pd.DataFrame
) -> None:
    plug_in = install(
        """
        def fit(self, train, validation, context):
            Unlucky.fits += 1
            if Unlucky.fits == 3:  # after all windows and all but the first block
                raise ZeroDivisionError('no luck today')
            super().fit(train, validation, context)
        """
    )
    config = TaskConfig(
        target="load",
        forecasters=(plug_in, "seasonal_naive"),
        quantile_models=("residual", "cinn_residual"),
        refit=False,
    )
    rows = AutoPQ(config).fit(table[["timestamp", "load"]][:600]).leaderboard
    errors = {row.name: row.error for row in rows}
    assert errors.pop(f"{plug_in}+cinn_residual") == (
        f"{plug_in} could not be fitted without block 2: ZeroDivisionError: no luck today"
    )
    assert errors == {f"{plug_in}+residual": None, "seasonal_naive+residual": None}


def test_nothing_left_to_score_is_an_error_with_the_reason(table: pd.DataFrame) -> None:
    flat = table[["timestamp"]].assign(load=np.nan)
    with pytest.raises(AutoPQError):
        AutoPQ(CONFIG.model_copy(update={"known_covariates": ()})).fit(flat)


@pytest.fixture(scope="module")
def naive() -> FittedModel:
    stamps = pd.date_range("2024-01-01", periods=600, freq="h")
    table = pd.DataFrame({"timestamp": stamps, "load": np.arange(600.0)})
    config = TaskConfig(
        target="load",
        preset="fast",
        forecasters=("seasonal_naive",),
        quantile_models=("residual",),
    )
    return AutoPQ(config).fit(table).model


class TestRowsThatDoNotFitTheModelsClock:
    """New rows are laid over the stored ones step by step, or refused: never shifted."""

    def rows(self, start: str) -> pd.DataFrame:
        stamps = pd.date_range(start, periods=5, freq="h")
        return pd.DataFrame({"timestamp": stamps, "load": np.ones(5)})

    def test_an_offset_the_training_rows_lacked_is_refused(self, naive: FittedModel) -> None:
        with pytest.raises(InputError, match="offset from UTC"):
            naive.predict(self.rows("2024-01-26T00:00+01:00"))

    @pytest.mark.parametrize("start", ["2024-01-20T00:30", "2024-01-25T22:30"])
    def test_half_a_step_off_is_refused(self, naive: FittedModel, start: str) -> None:
        with pytest.raises(InputError, match="not a step of the model's grid"):
            naive.predict(self.rows(start))

    def test_rows_of_another_century_stand_alone(self, naive: FittedModel) -> None:
        forecast = naive.predict(self.rows("1924-01-01"))
        assert str(forecast.timestamps[0, 0]).startswith("1924-01-01T05")


@pytest.mark.parametrize("limit", [float("nan"), float("inf")])
def test_a_limit_is_a_finite_number(limit: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        TaskConfig(lower=limit)


@pytest.mark.slow
def test_candidates_on_one_flow_are_each_charged_its_training(table: pd.DataFrame) -> None:
    config = CONFIG.model_copy(
        update={
            "forecasters": ("climatology",),
            "quantile_models": ("cinn_published", "cinn_additive"),
            "refit": False,
        }
    )
    recorder = Recorder()
    rows = {row.name: row for row in AutoPQ(config, observer=recorder).fit(table[:900]).leaderboard}
    training = next(t for t in recorder.trials if t.name == "climatology+cinn_published").seconds
    for name in ("climatology+cinn_published", "climatology+cinn_additive"):
        assert rows[name].seconds > training
