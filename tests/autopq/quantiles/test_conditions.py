"""What a flow is told: everything known at the origin, nothing of the future target."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from autopq import artifact
from autopq.forecasters.scaling import SeriesScale
from autopq.quantiles.conditions import ConditionEncoder, default_history


def encoder_of(windows, **options):
    settings = {"history": 12, "with_points": False} | options
    return ConditionEncoder.fit(windows, scale=SeriesScale.fit(windows), **settings)


def test_the_future_target_is_not_in_it(situation):
    encoder = encoder_of(situation.train)
    window = situation.test.take(slice(3, 4))
    target = situation.panel.target.copy()
    start = int(window.start[0])
    target[start:] += 1e6
    changed = replace(window, panel=replace(window.panel, target=target))
    assert torch.equal(encoder.encode(window, None), encoder.encode(changed, None))
    target[start - 1] += 1e6
    changed = replace(window, panel=replace(window.panel, target=target))
    assert not torch.equal(encoder.encode(window, None), encoder.encode(changed, None))


def test_covariates_of_the_steps_and_points_are_in_it(situation):
    window = situation.test.take(slice(3, 4))
    points = situation.points(window)
    encoder = encoder_of(situation.train, with_points=True)
    base = encoder.encode(window, points)
    assert not torch.equal(base, encoder.encode(window, points + 10))
    covariates = situation.panel.covariates.copy()
    covariates[int(window.start[0]) + 2] += 1
    changed = replace(window, panel=replace(window.panel, covariates=covariates))
    assert int((base != encoder.encode(changed, points)).sum()) == 1
    with pytest.raises(ValueError, match="needs point forecasts"):
        encoder.encode(window, None)


def test_series_of_different_size_look_alike(situation):
    encoder = encoder_of(situation.train)
    history = encoder.encode(situation.train, None)[:, :12]
    spread = [history[situation.train.series == s].std() for s in (0, 1)]
    assert spread == pytest.approx([1.0, 1.0], abs=0.2)


def test_extreme_inputs_are_bounded(situation):
    encoder = encoder_of(situation.train)
    panel = replace(situation.panel, target=situation.panel.target * 1e9)
    windows = replace(situation.test, panel=panel)
    assert encoder.encode(windows, None).abs().max() <= 6.0


def test_long_histories_and_horizons_are_averaged_down(situation):
    windows = situation.panel.windows([np.arange(400, 600, 20)] * 2, 240)
    encoder = encoder_of(windows, history=384)
    calendar_columns = encoder.encode(windows, None).shape[1] - 96 - 96
    assert calendar_columns % 96 == 0
    history = windows.history(384).reshape(len(windows), 96, 4).mean(axis=2)
    assert encoder.encode(windows, None)[:, :96].numpy() == pytest.approx(
        np.clip(encoder.scaled(windows, history), -6, 6), abs=1e-5
    )


def test_history_covers_two_days_or_the_horizon(situation):
    assert default_history(situation.train) == 48
    assert default_history(situation.panel.windows([np.array([100])] * 2, 100)) == 100


def test_state_survives_the_model_file(situation, tmp_path):
    encoder = encoder_of(situation.train, with_points=True)
    artifact.save(tmp_path / "model", {"encoder": encoder.to_state()}, {})
    components, _ = artifact.load(tmp_path / "model")
    loaded = ConditionEncoder.from_state(components["encoder"])
    points = situation.points(situation.test)
    assert torch.equal(
        loaded.encode(situation.test, points), encoder.encode(situation.test, points)
    )


@pytest.mark.parametrize(("days", "columns"), [(400, 2), (700, 4)])
def test_the_day_of_year_is_told_only_when_seasons_have_come_back(situation, days, columns):
    stamps = np.datetime64("2020-01-01", "ns") + np.arange(days * 24) * np.timedelta64(1, "h")
    panel = replace(
        situation.panel,
        item_ids=("a",),
        offsets=np.array([0]),
        lengths=np.array([len(stamps)]),
        sizes=np.array([len(stamps)]),
        time=stamps,
        local_time=stamps,
        target=np.arange(len(stamps)) % 24.0,
        covariates=np.zeros((len(stamps), 0)),
        covariate_names=(),
    )
    windows = panel.windows([np.arange(48, len(stamps) - 1, 24)], 1)
    # One step: the history, then the calendar.
    told = encoder_of(windows).encode(windows, None)[:, 12:]
    assert told.shape[1] == 3 + columns
