"""Who may see what: chronological parts, thinned origins, blocked folds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopq.data.frequency import Frequency
from autopq.data.panel import Panel
from autopq.data.splits import (
    blocked_folds,
    first_origins,
    fit_windows,
    required_rows,
    split,
    thinned,
)
from autopq.task import TaskConfig


def counting_panel(*lengths: int, freq: str = "h", starts: tuple[str, ...] = ()) -> Panel:
    """Series s has the values 1000000 s + t."""
    frequency = Frequency(freq)
    starts = starts or ("2024-01-01",) * len(lengths)
    time = np.concatenate(
        [
            frequency.range(np.datetime64(start, "us"), length)
            for start, length in zip(starts, lengths, strict=True)
        ]
    )
    sizes = np.array(lengths)
    return Panel(
        item_ids=tuple(f"s{i}" for i in range(len(lengths))),
        offsets=np.append(0, np.cumsum(sizes)[:-1]),
        lengths=sizes,
        sizes=sizes,
        time=time,
        local_time=time,
        target=np.concatenate([1e6 * s + np.arange(n) for s, n in enumerate(lengths)]),
        covariates=np.empty((len(time), 0)),
        covariate_names=(),
        freq=frequency,
        timezone=None,
    )


@given(
    rows=st.integers(200, 3_000),
    horizon=st.integers(1, 30),
    test=st.sampled_from([0.0, 0.1, 0.2, 0.33]),
    validation=st.sampled_from([0.1, 0.3, 0.5]),
)
@settings(max_examples=60, deadline=None)
def test_counts_follow_the_formula(rows: int, horizon: int, test: float, validation: float) -> None:
    config = TaskConfig(horizon=horizon, test_fraction=test, validation_fraction=validation)
    parts = split(counting_panel(rows), config)
    i_test = int(rows - rows * test)
    i_val = int(i_test - i_test * validation)
    first = max(1, min(48, int(i_val * 0.25)))
    assert len(parts.train) == max(0, i_val - first - horizon + 1)
    assert len(parts.validation) == max(0, i_test - i_val - horizon + 1)
    assert len(parts.test) == (max(0, rows - i_test - horizon + 1) if test else 0)
    for windows, begin, end in (
        (parts.train, first, i_val),
        (parts.validation, i_val, i_test),
        (parts.test, i_test, rows),
    ):
        if len(windows):
            assert windows.target().min() == begin
            assert windows.target().max() == end - 1


def test_the_published_counts_of_a_year_of_hours() -> None:
    parts = split(counting_panel(8760), TaskConfig(horizon=24, validation_fraction=0.3))
    assert (parts.i_val[0], parts.i_test[0]) == (4905, 7008)


def test_each_series_is_split_by_its_own_length() -> None:
    parts = split(counting_panel(1000, 500), TaskConfig(horizon=24, validation_fraction=0.3))
    assert parts.i_test.tolist() == [800, 400]
    assert parts.i_val.tolist() == [560, 280]
    second = parts.test.take(parts.test.series == 1)
    assert second.target().min() == 1e6 + 400


def test_windows_with_a_missing_target_are_left_out() -> None:
    panel = counting_panel(1000)
    panel.target[900] = np.nan
    parts = split(panel, TaskConfig(horizon=24))
    assert len(parts.test) == 200 - 23 - 24
    assert np.isfinite(parts.test.target()).all()


def test_required_rows_are_just_enough() -> None:
    for freq, horizon in (("h", 24), ("15min", 96), ("D", 7), ("MS", 3)):
        config = TaskConfig(horizon=horizon)
        needed = required_rows(config, Frequency(freq))
        parts = split(counting_panel(needed, freq=freq), config)
        assert min(len(parts.train), len(parts.validation), len(parts.test)) >= 1
        parts = split(counting_panel(needed - 1, freq=freq), config)
        assert min(len(parts.train), len(parts.validation), len(parts.test)) == 0


@given(
    count=st.integers(100, 20_000), share=st.floats(0.01, 0.99), day=st.sampled_from([7, 24, 96])
)
@settings(max_examples=80, deadline=None)
def test_thinned_origins_meet_every_hour_equally(count: int, share: float, day: int) -> None:
    back = np.arange(count)
    kept = back[thinned(back, share, day)]
    assert kept[0] == 0, "the newest is kept"
    by_hour = np.bincount(kept % day, minlength=day)
    assert by_hour.max() - by_hour.min() <= 3
    assert len(kept) == pytest.approx(share * count, abs=day)


def test_a_budget_is_kept_for_long_and_for_many_short_series() -> None:
    config = TaskConfig(horizon=24)
    for panel in (counting_panel(20_000), counting_panel(*[300] * 50)):
        parts = split(panel, config, train_windows=100, validation_windows=60, test_windows=40)
        assert len(parts.train) in range(80, 101)
        assert len(parts.validation) in range(45, 61)
        assert len(parts.test) in range(25, 41)
        assert len(np.unique(parts.train.origin)) > 5
        assert len(fit_windows(panel, config, 100)) in range(80, 101)
    assert fit_windows(counting_panel(20_000), config, 100).origin[-1] == 20_000 - 24


@pytest.mark.parametrize("freq", ["h", "MS"])
def test_folds_hold_each_window_once_and_share_no_target_with_the_rest(freq: str) -> None:
    panel = counting_panel(400, 300, freq=freq, starts=("1990-01-01", "1991-01-01"))
    windows = fit_windows(panel, TaskConfig(horizon=6))
    gap = 4
    folds = blocked_folds(windows, 4, gap)
    assert (np.sum([held for _, held in folds], axis=0) == 1).all()
    months = panel.time.astype("datetime64[M]" if freq == "MS" else "datetime64[h]").astype(int)
    steps = months[windows.start]
    for kept, held in folds:
        assert held.sum() == pytest.approx(len(windows) / 4, rel=0.1)
        assert kept.sum() > len(windows) / 2
        apart = np.abs(steps[kept][:, None] - steps[held][None, :]).min()
        assert apart >= 6 + gap
        # Contiguous: no kept origin lies between held ones.
        inside = (steps[kept] > steps[held].min()) & (steps[kept] < steps[held].max())
        assert not inside.any()


def test_first_origins_leave_two_seasons_or_a_quarter() -> None:
    assert first_origins(np.array([10_000, 100, 2]), Frequency("h")).tolist() == [48, 25, 1]


def test_parts_know_nothing_of_later_targets() -> None:
    panel = counting_panel(1000)
    parts = split(panel, TaskConfig(horizon=24))
    later = panel.target.copy()
    later[parts.i_val[0] :] = -1
    changed = split(
        Panel(**{**{f: getattr(panel, f) for f in panel.__dataclass_fields__}, "target": later}),
        TaskConfig(horizon=24),
    )
    np.testing.assert_array_equal(parts.train.target(), changed.train.target())
    np.testing.assert_array_equal(parts.train.history(48), changed.train.history(48))
    assert pd.isna(parts.train.target()).sum() == 0
