"""Windows: aligned with time, and blind to everything after their origin."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopq.data.frequency import Frequency
from autopq.data.panel import Floats, Panel, Windows

H = 4


def panel_of_counts(
    lengths: tuple[int, ...] = (60, 40), future: int = 0, freq: str = "6h"
) -> Panel:
    """Series s has the target 1000 s + t and the covariate 10 t."""
    frequency = Frequency(freq)
    sizes = np.array(lengths) + future
    steps = [np.arange(size) for size in sizes]
    time = np.concatenate([frequency.range(np.datetime64("2024-01-01", "us"), n) for n in sizes])
    target = np.concatenate([1000.0 * s + t for s, t in enumerate(steps)])
    for offset, length, size in zip(np.cumsum(sizes) - sizes, lengths, sizes, strict=True):
        target[offset + length : offset + size] = np.nan
    return Panel(
        item_ids=tuple(f"s{i}" for i in range(len(lengths))),
        offsets=np.append(0, np.cumsum(sizes)[:-1]),
        lengths=np.array(lengths),
        sizes=sizes,
        time=time,
        local_time=time,
        target=target,
        covariates=10.0 * np.concatenate(steps)[:, None],
        covariate_names=("c",),
        freq=frequency,
        timezone=None,
    )


def all_windows(panel: Panel) -> Windows:
    return panel.windows([np.arange(1, n - H + 1) for n in panel.lengths], H)


def test_every_array_of_a_window_is_aligned() -> None:
    windows = all_windows(panel_of_counts())
    origin = 1000.0 * windows.series + windows.origin
    np.testing.assert_array_equal(windows.target(), origin[:, None] + np.arange(H))
    late = windows.take(windows.origin >= 8)
    origin = 1000.0 * late.series + late.origin
    np.testing.assert_array_equal(late.history(8), origin[:, None] + np.arange(-8, 0))
    np.testing.assert_array_equal(
        late.future_covariates()[..., 0], 10.0 * (late.origin[:, None] + np.arange(H))
    )
    lagged = late.lagged(np.array([1, H, 8]))
    np.testing.assert_array_equal(lagged[:, :, 1], origin[:, None] + np.arange(H) - H)
    np.testing.assert_array_equal(lagged[:, 0, 0], origin - 1)
    assert np.isnan(lagged[:, 1:, 0]).all(), "one step back is not known yet"


def test_history_before_the_start_repeats_the_first_value() -> None:
    windows = panel_of_counts().windows([np.array([2]), np.array([1])], H)
    np.testing.assert_array_equal(windows.history(4), [[0, 0, 0, 1], [1000, 1000, 1000, 1000]])
    assert np.isnan(windows.lagged(np.array([5]))[:, 0, 0]).all()


@given(seed=st.integers(0, 10_000), origin=st.integers(1, 56))
@settings(max_examples=40, deadline=None)
def test_inputs_do_not_see_past_the_origin(seed: int, origin: int) -> None:
    rng = np.random.default_rng(seed)
    panel = panel_of_counts((60,))
    gappy = np.where(rng.random(60) < 0.3, np.nan, panel.target)
    gappy[0] = 0.0
    future = gappy.copy()
    future[origin:] = np.where(rng.random(60 - origin) < 0.5, np.nan, rng.normal(size=60 - origin))
    lags = np.arange(1, 20)
    seen, unseen = (
        replace(panel, target=target).windows([np.array([origin])], H) for target in (gappy, future)
    )
    np.testing.assert_array_equal(seen.history(20), unseen.history(20))
    np.testing.assert_array_equal(seen.lagged(lags), unseen.lagged(lags))
    assert np.isfinite(seen.history(20)).all()


def test_gaps_are_filled_a_season_back_and_never_across_series() -> None:
    panel = panel_of_counts((12, 12))  # a season of 4
    target = panel.target.copy()
    target[[2, 5, 9, 13]] = np.nan
    filled = replace(panel, target=target).filled
    assert filled[2] == 1  # no season before: the last known value
    assert filled[5] == 1
    assert filled[9] == 1  # a season back is a gap itself, filled before
    assert filled[13] == 1000
    kept = np.isfinite(target)
    np.testing.assert_array_equal(filled[kept], target[kept])


def filled_one_by_one(panel: Panel) -> Floats:
    filled = panel.target.copy()
    for offset, length in zip(panel.offsets, panel.lengths, strict=True):
        series = filled[offset : offset + length]
        for i in np.flatnonzero(np.isnan(series)):
            season = panel.freq.season
            series[i] = series[i - season] if i >= season else series[i - 1] if i else np.nan
    return filled


@given(seed=st.integers(0, 10_000), share=st.floats(0, 0.95))
@settings(max_examples=60, deadline=None)
def test_filling_at_once_equals_filling_one_by_one(seed: int, share: float) -> None:
    panel = panel_of_counts((30, 3, 50), future=H)
    holes = np.random.default_rng(seed).random(len(panel.target)) < share
    gappy = replace(panel, target=np.where(holes, np.nan, panel.target))
    np.testing.assert_array_equal(gappy.filled, filled_one_by_one(gappy))


def test_covariates_carry_their_last_value_within_a_series() -> None:
    panel = panel_of_counts((5, 5))
    covariates = panel.covariates.copy()
    covariates[[2, 3, 5, 6]] = np.nan
    filled = replace(panel, covariates=covariates).filled_covariates[:, 0]
    np.testing.assert_array_equal(filled, [0, 10, 10, 10, 40, 0, 0, 20, 30, 40])


def test_future_rows_have_covariates_but_no_target() -> None:
    panel = panel_of_counts(future=H)
    windows = panel.windows([panel.lengths[:1], panel.lengths[1:]], H)
    assert np.isnan(windows.target()).all()
    assert not windows.complete().any()
    np.testing.assert_array_equal(windows.history(1)[:, 0], [59, 1039])
    np.testing.assert_array_equal(windows.future_covariates()[0, :, 0], 600 + 10 * np.arange(H))


@pytest.mark.parametrize("origin", [20, 36, 37])
def test_complete_windows_are_those_with_every_target(origin: int) -> None:
    panel = panel_of_counts()
    panel.target[panel.offsets[1] + 22] = np.nan
    windows = panel.windows([np.array([origin]), np.array([origin])], H)
    expected = np.isfinite(windows.target()).all(axis=1)
    np.testing.assert_array_equal(windows.complete(), expected)
    assert expected[0]
    assert expected[1] == (origin == 36)
