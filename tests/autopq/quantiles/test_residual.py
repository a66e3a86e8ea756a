"""The plain reference: validation errors, laid around the point forecast."""

from dataclasses import replace

import numpy as np
import pytest

from autopq import artifact
from autopq.evaluation.scores import coverage
from autopq.quantiles import registry
from autopq.quantiles.residual import ResidualQuantiles

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


@pytest.fixture
def fitted(situation, context):
    model = ResidualQuantiles()
    points = situation.points(situation.validation)
    model.fit(situation.train, None, situation.validation, points, context)
    return model


def test_quantiles_are_the_points_plus_scaled_validation_errors(situation, fitted):
    points = situation.points(situation.test)
    rng = np.random.default_rng(0)
    quantiles = fitted.quantiles(situation.test, points, LEVELS, rng)
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    small, large = (quantiles[situation.test.series == s] for s in (0, 1))
    width = [(part[..., -1] - part[..., 0]).mean() for part in (small, large)]
    assert width[1] == pytest.approx(100 * width[0], rel=0.2)
    found = coverage(situation.test.target(), quantiles, LEVELS, 0.9)
    assert found == pytest.approx(0.9, abs=0.06)


def test_paths_are_whole_error_windows(situation, fitted):
    windows = situation.test.take(situation.test.series == 0)
    points = situation.points(windows)
    paths = fitted.sample(windows, points, 400, np.random.default_rng(0))
    assert paths.shape == (len(windows), 400, windows.horizon)
    errors = paths - points[:, None, :]
    neighbours = np.corrcoef(errors[..., 0].ravel(), errors[..., 1].ravel())[0, 1]
    truth = situation.validation.target() - situation.points(situation.validation)
    truth = truth[situation.validation.series == 0]
    assert neighbours == pytest.approx(np.corrcoef(truth[:, 0], truth[:, 1])[0, 1], abs=0.15)
    assert neighbours > 0.2
    drawn = {tuple(error) for error in np.round(errors[0], 6)}
    assert len(drawn) <= len(situation.validation)


def test_sample_quantiles_agree_with_quantiles(situation, fitted):
    windows = situation.test.take(slice(0, 3))
    points = situation.points(windows)
    paths = fitted.sample(windows, points, 20_000, np.random.default_rng(0))
    direct = fitted.quantiles(windows, points, LEVELS, np.random.default_rng(0))
    from_paths = np.moveaxis(np.quantile(paths, LEVELS, axis=1), 0, -1)
    assert from_paths == pytest.approx(direct, abs=0.1 * np.ptp(direct, axis=-1).max())


def test_a_series_it_was_not_trained_on_gets_the_pooled_error(situation, fitted):
    windows = situation.test.take(situation.test.series == 1)
    points = situation.points(windows)
    known = fitted.quantiles(windows, points, LEVELS, np.random.default_rng(0))
    strange = replace(windows, panel=replace(windows.panel, item_ids=("north", "new")))
    other = fitted.quantiles(strange, points, LEVELS, np.random.default_rng(0))
    assert np.isfinite(other).all()
    assert np.ptp(other, axis=-1).mean() < np.ptp(known, axis=-1).mean()


def test_state_survives_the_model_file(situation, fitted, tmp_path):
    artifact.save(tmp_path / "model", {"quantiles": fitted.state()}, {})
    components, _ = artifact.load(tmp_path / "model")
    loaded = ResidualQuantiles.from_state(components["quantiles"])
    points = situation.points(situation.test)
    again = loaded.quantiles(situation.test, points, LEVELS, np.random.default_rng(0))
    first = fitted.quantiles(situation.test, points, LEVELS, np.random.default_rng(0))
    assert (again == first).all()


def test_a_refit_without_validation_keeps_the_errors(situation, fitted, context):
    points = situation.points(situation.test)
    before = fitted.quantiles(situation.test, points, LEVELS, np.random.default_rng(0))
    fitted.fit(situation.train, None, situation.validation.take(slice(0, 0)), None, context)
    after = fitted.quantiles(situation.test, points, LEVELS, np.random.default_rng(0))
    assert (after == before).all()


def test_points_are_asked_for(situation, context):
    model = registry.create("residual")
    with pytest.raises(ValueError, match="point forecasts"):
        model.fit(situation.train, None, situation.validation, None, context)
