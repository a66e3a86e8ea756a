"""The three flow models as the pipeline uses them: fit, quantiles, save, share, refit."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from autopq import artifact
from autopq.context import FitContext
from autopq.errors import Stopped
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.scores import coverage, mean_pinball
from autopq.observer import SilentObserver
from autopq.quantiles import registry
from autopq.quantiles.flow_cache import FlowCache
from autopq.quantiles.flow_model import FlowModel

QUICK = {"blocks": 4, "max_epochs": 6, "paths": 64, "batch_size": 64}
NAMES = ("cinn_published", "cinn_additive", "cinn_residual")
TARGET_TRAINED = NAMES[:2]


def create(name, **params):
    model = registry.create(name, **QUICK | params)
    assert isinstance(model, FlowModel)
    return model


@pytest.fixture(scope="module")
def fitted(situation) -> Callable[[str], FlowModel]:
    """Models by name, each fitted once for all tests that only read it."""
    models: dict[str, FlowModel] = {}
    flows = FlowCache()
    context = FitContext(0, SilentObserver(), torch.device("cpu"))

    def get(name: str) -> FlowModel:
        if name not in models:
            model = create(name, **({"seeds": 2} if name == "cinn_residual" else {}))
            model.use(flows)
            fit(model, situation, context)
            models[name] = model
        return models[name]

    return get


def fit(model, situation, context):
    train, validation = situation.train, situation.validation
    model.fit(train, situation.points(train), validation, situation.points(validation), context)


def quantiles(model, situation, seed=0, levels=DENSE_LEVELS):
    points = situation.points(situation.test)
    return model.quantiles(situation.test, points, levels, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_quantiles_are_finite_ordered_and_repeatable(name, situation, fitted):
    model = fitted(name)
    found = quantiles(model, situation)
    assert found.shape == (len(situation.test), situation.test.horizon, len(DENSE_LEVELS))
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=-1) >= 0).all()
    assert (quantiles(model, situation) == found).all()
    assert not (quantiles(model, situation, seed=1) == found).all()


@pytest.mark.parametrize("name", NAMES)
def test_paths_have_their_shape_and_hold_the_median(name, situation, fitted):
    points = situation.points(situation.test)
    paths = fitted(name).sample(situation.test, points, 31, np.random.default_rng(0))
    assert paths.shape == (len(situation.test), 31, situation.test.horizon)
    median = quantiles(fitted(name), situation, levels=np.array([0.5]))[..., 0]
    assert ((paths.min(axis=1) <= median) & (median <= paths.max(axis=1))).mean() > 0.99


@pytest.mark.parametrize("name", TARGET_TRAINED)
def test_spread_zero_is_the_point_forecast(name, situation, fitted):
    model = type(fitted(name)).from_state(fitted(name).state())
    model.spread = 0.0
    points = situation.points(situation.test)
    found = quantiles(model, situation)
    _, scale = model._fitted.encoder.units(situation.test)
    assert np.abs((found - points[..., None]) / scale[:, :, None]).max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_a_trained_flow_is_invertible_in_float32(name, fitted):
    model = fitted(name)
    fits = model._fitted.flows if name == "cinn_residual" else [model._fitted.fit]
    for one in fits:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(200, one.flow.settings.dimensions, generator=generator)
        c = torch.randn(200, one.flow.settings.condition_size, generator=generator)
        with torch.inference_mode():
            assert (one.flow.inverse(one.flow(x, c)[0], c) - x).abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_the_searched_spread_and_every_bit_survive_the_model_file(
    name, situation, fitted, tmp_path
):
    model = type(fitted(name)).from_state(fitted(name).state())
    model.spread = 0.77
    artifact.save(tmp_path / "model", {"quantiles": model.state()}, {})
    components, _ = artifact.load(tmp_path / "model")
    loaded = type(model).from_state(components["quantiles"])
    assert loaded.spread == 0.77
    assert (quantiles(loaded, situation) == quantiles(model, situation)).all()
    assert not np.allclose(quantiles(fitted(name), situation), quantiles(loaded, situation))


@pytest.mark.parametrize("name", NAMES)
def test_a_window_is_forecast_alike_in_any_company(name, situation, fitted):
    """Chunks: the first windows do not depend on those that come after them."""
    model = fitted(name)
    windows = situation.test.take(slice(0, 4))
    points = situation.points(windows)
    few = model.draws(windows, points, 64, np.random.default_rng(0))
    whole = few.paths(0.5, slice(0, 4))
    one_by_one = np.concatenate([few.paths(0.5, slice(i, i + 1)) for i in range(4)])
    scale = np.abs(whole).max(axis=(1, 2), keepdims=True)
    assert np.abs((one_by_one - whole) / scale).max() < 1e-5


def test_the_residual_flow_learns_the_errors(situation, context):
    model = create("cinn_residual", max_epochs=25, seeds=1, paths=256)
    fit(model, situation, context)
    points = situation.points(situation.test)
    found = quantiles(model, situation)
    target = situation.test.target()
    assert coverage(target, found, DENSE_LEVELS, 0.9) == pytest.approx(0.9, abs=0.07)
    degenerate = np.repeat(points[..., None], len(DENSE_LEVELS), axis=-1)
    gain = mean_pinball(target, found, DENSE_LEVELS)
    assert gain < 0.8 * mean_pinball(target, degenerate, DENSE_LEVELS)
    paths = model.sample(situation.test, points, 200, np.random.default_rng(0))
    errors = (paths - points[:, None, :]) / found.std(axis=(1, 2))[:, None, None]
    assert np.corrcoef(errors[..., 0].ravel(), errors[..., 1].ravel())[0, 1] > 0.2


def test_one_training_serves_both_variants_and_every_forecaster(situation, context):
    flows = FlowCache()
    models = [create(name) for name in (*TARGET_TRAINED, *TARGET_TRAINED)]
    for number, model in enumerate(models):
        model.use(flows)
        points = situation.points(situation.validation) + number
        model.fit(situation.train, None, situation.validation, points, context)
    assert len(flows) == 1
    other_data = situation.train.take(slice(0, 200))
    models[0].fit(other_data, None, situation.validation, None, context)
    assert len(flows) == 2
    models[1].fit(situation.train, None, situation.validation, None, replace(context, seed=1))
    assert len(flows) == 3
    # Other values under the same stamps are other data.
    other_values = replace(situation.panel, target=situation.panel.target + 1)
    train = replace(situation.train, panel=other_values)
    models[1].fit(train, None, situation.validation, None, context)
    assert len(flows) == 4


@pytest.mark.parametrize("name", ["cinn_additive", "cinn_residual"])
def test_a_refit_trains_as_long_as_was_found_best(name, situation, context):
    model = create(name, **({"seeds": 1} if name == "cinn_residual" else {}))
    fit(model, situation, context)
    first = model.describe()
    best = first["flows"][0]["best_epoch"] if "flows" in first else first["best_epoch"]
    nothing = situation.validation.take(slice(0, 0))
    windows = situation.panel.windows([np.arange(48, 700, 3)] * 2, situation.test.horizon)
    model.fit(windows, situation.points(windows), nothing, None, context)
    second = model.describe()
    second = second["flows"][0] if "flows" in second else second
    assert second["epochs"] == best
    assert second["windows"] == len(windows)
    assert second["validation_nll"] is None


def test_training_does_not_depend_on_other_random_numbers_drawn(situation, context):
    states = []
    for noise in (0, 5):
        torch.manual_seed(noise)
        np.random.default_rng(noise).random(noise)
        model = create("cinn_additive")
        fit(model, situation, context)
        states.append(model.state().arrays)
    assert all((states[0][name] == states[1][name]).all() for name in states[0])


def test_what_a_model_needs_is_asked_for(situation, context, fitted):
    with pytest.raises(ValueError, match="out-of-fold"):
        create("cinn_residual").fit(situation.train, None, situation.validation, None, context)
    for name in NAMES:
        with pytest.raises(ValueError, match="point forecasts"):
            fitted(name).draws(situation.test, None, 10, np.random.default_rng(0))
    with pytest.raises(RuntimeError, match="fit the model first"):
        create("cinn_additive").state()


def test_training_stops_when_the_observer_asks(situation):
    class Impatient(SilentObserver):
        def should_stop(self) -> bool:
            return True

    with pytest.raises(Stopped):
        fit(
            create("cinn_additive"),
            situation,
            FitContext(0, Impatient(), torch.device("cpu")),
        )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_forecasts_what_a_cpu_does_from_the_same_weights(name, situation):
    model = create(name)
    fit(model, situation, FitContext(0, SilentObserver(), torch.device("cuda")))
    on_cpu = type(model).from_state(model.state())
    first, again = quantiles(model, situation), quantiles(on_cpu, situation)
    scale = np.ptp(again, axis=(1, 2), keepdims=True)
    assert np.abs((first - again) / scale).max() < 1e-4


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("block_local", {}),
        ("forward_gradient", {"tangents": 8}),
        ("oialr", {"delay": 0.3, "cutoff": 0.2}),
    ],
)
@pytest.mark.parametrize("name", ["cinn_additive", "cinn_residual"])
def test_methods_that_apply_to_flows_train_it(name, method, options, situation, context):
    chosen = {"training_method": method, "training_options": options, "seeds": 1}
    if name == "cinn_additive":
        del chosen["seeds"]
    model = create(name, **chosen)
    fit(model, situation, context)
    training = model.describe()["training"]
    assert training["method"] == method
    assert training["trainable"] <= training["stored"]
    loaded = type(model).from_state(model.state())
    assert loaded.describe() == model.describe()
    np.testing.assert_array_equal(quantiles(loaded, situation), quantiles(model, situation))
