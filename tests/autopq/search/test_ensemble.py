"""Which candidates an average is made of, and in which shares."""

import numpy as np
import pandas as pd
import pytest

from autopq.data.audit import audit
from autopq.data.splits import Splits, split
from autopq.evaluation.grid import DENSE_LEVELS, normal_score
from autopq.forecasters import registry as forecasters
from autopq.quantiles import registry
from autopq.search.candidates import Candidate, scored
from autopq.search.cost import Cost
from autopq.search.ensemble import Ensemble, select_ensemble
from autopq.search.points import PointFit
from autopq.search.variants import Variant
from autopq.task import TaskConfig

CONFIG = TaskConfig(horizon=24)
POSITION = np.linspace(-1, 1, 24)


@pytest.fixture(scope="module")
def splits() -> Splits:
    noise = np.random.default_rng(0).normal(0, 1, 24 * 90)
    time = pd.date_range("2024-01-01", periods=len(noise), freq="h")
    panel, _ = audit(pd.DataFrame({"timestamp": time, "target": noise}), CONFIG)
    return split(panel, CONFIG, train_windows=50, validation_windows=200, test_windows=50)


def candidate(
    splits: Splits, model: str, bias: np.ndarray, label: str = "", *, searched: bool = False
) -> Candidate:
    """One whose forecasts of standard normal targets are off by `bias` [24]; a cINN's stand on a
    point forecaster."""
    point = None
    if model.startswith("cinn"):
        nothing, variant = np.zeros((0, 24)), Variant("linear", "linear")
        point = PointFit(variant, forecasters.create("linear"), nothing, nothing, 1.0, Cost())
    found = Candidate(point, registry.create(model), label or model, searched=searched)
    right = normal_score(DENSE_LEVELS)

    def quantiles(count: int) -> np.ndarray:
        return np.broadcast_to(bias[:, None] + right, (count, 24, len(right))).copy()

    found.validation = scored(splits.validation, quantiles(len(splits.validation)))
    found.test = scored(splits.test, quantiles(len(splits.test)))
    return found


def average(splits: Splits, *candidates: Candidate) -> Ensemble:
    ensemble = select_ensemble(list(candidates), splits, CONFIG)
    assert ensemble is not None
    return ensemble


def shares(ensemble: Ensemble) -> dict[str, float]:
    return {member.name: weight for member, weight in ensemble.members}


def test_kinds_that_fail_differently_have_equal_parts(splits: Splits) -> None:
    # The three biases take each other off.
    ensemble = average(
        splits,
        candidate(splits, "mlp_quantile", 0.40 * POSITION),
        candidate(splits, "lightgbm_quantile", -0.41 * POSITION + 0.2),
        candidate(splits, "cinn_residual", np.full(24, -0.2)),
    )
    assert shares(ensemble) == pytest.approx(
        {"mlp_quantile": 1 / 3, "lightgbm_quantile": 1 / 3, "linear+cinn_residual": 1 / 3}
    )


def test_of_more_kinds_than_can_have_a_part_those_are_taken_that_are_best_together(
    splits: Splits,
) -> None:
    one = candidate(splits, "mlp_quantile", 0.40 * POSITION)
    like_it = candidate(splits, "mlp_season_quantile", 0.401 * POSITION)
    against_both = candidate(splits, "lightgbm_quantile", -0.41 * POSITION + 0.2)
    on_a_forecaster = candidate(splits, "cinn_residual", np.full(24, -0.2))
    assert on_a_forecaster.score < one.score < like_it.score < against_both.score
    members = shares(average(splits, one, like_it, against_both, on_a_forecaster))
    assert members.keys() == {"mlp_quantile", "lightgbm_quantile", "linear+cinn_residual"}


def test_what_stands_on_a_forecaster_has_no_part_in_an_average_that_it_burdens(
    splits: Splits,
) -> None:
    ensemble = average(
        splits,
        candidate(splits, "mlp_quantile", 0.40 * POSITION),
        candidate(splits, "lightgbm_quantile", -0.41 * POSITION),
        candidate(splits, "cinn_residual", np.full(24, 0.3)),
    )
    assert shares(ensemble) == pytest.approx({"mlp_quantile": 0.5, "lightgbm_quantile": 0.5})


def test_trees_keep_their_part_beside_networks_that_validation_rows_flatter(
    splits: Splits,
) -> None:
    ensemble = average(
        splits,
        candidate(splits, "mlp_quantile", 0.40 * POSITION),
        candidate(splits, "cinn_residual", -0.41 * POSITION),
        candidate(splits, "lightgbm_quantile", np.full(24, 0.45)),
    )
    assert len(shares(ensemble)) == 3


@pytest.mark.parametrize(("bias", "behind", "kept"), [(0.50, 1.02, True), (0.66, 1.05, False)])
def test_a_second_kind_of_network_has_to_be_close(
    bias: float, behind: float, kept: bool, splits: Splits
) -> None:
    one = candidate(splits, "mlp_quantile", 0.40 * POSITION)
    other = candidate(splits, "mlp_season_quantile", bias * POSITION)
    assert other.score / one.score == pytest.approx(behind, abs=0.01)
    trees = candidate(splits, "lightgbm_quantile", -bias * POSITION)
    assert trees.score / one.score == pytest.approx(behind, abs=0.01)
    members = shares(average(splits, one, other, trees))
    assert ("mlp_season_quantile" in members) == kept
    assert "lightgbm_quantile" in members


@pytest.mark.parametrize(("bias", "kept"), [(0.20, True), (0.0, False)])
def test_a_second_kind_of_network_is_close_to_the_first_untuned_and_to_the_best(
    bias: float, kept: bool, splits: Splits
) -> None:
    untuned = candidate(splits, "mlp_quantile", 0.40 * POSITION)
    tuned = candidate(splits, "mlp_quantile", bias * POSITION, "mlp_quantile#1", searched=True)
    other = candidate(splits, "mlp_season_quantile", -0.58 * POSITION)
    assert other.score < 1.035 * untuned.score
    assert other.score > 1.035 * tuned.score
    assert (other.score < 1.05 * tuned.score) == kept
    ensemble = select_ensemble([untuned, tuned, other], splits, CONFIG)
    members = {} if ensemble is None else shares(ensemble)
    assert ("mlp_season_quantile" in members) == kept


def test_what_stands_on_a_forecaster_is_one_kind(splits: Splits) -> None:
    ensemble = average(
        splits,
        candidate(splits, "cinn_additive", 0.30 * POSITION),
        candidate(splits, "cinn_residual", 0.31 * POSITION),
        candidate(splits, "mlp_quantile", -0.30 * POSITION),
        candidate(splits, "lightgbm_quantile", -0.31 * POSITION),
    )
    assert set(shares(ensemble)) == {"linear+cinn_additive", "mlp_quantile", "lightgbm_quantile"}


def test_a_tuned_setting_shares_the_place_of_its_kind(splits: Splits) -> None:
    ensemble = average(
        splits,
        candidate(splits, "mlp_quantile", 0.40 * POSITION),
        candidate(splits, "mlp_quantile", 0.35 * POSITION, "mlp_quantile#3", searched=True),
        candidate(splits, "lightgbm_quantile", -0.40 * POSITION),
    )
    assert shares(ensemble) == pytest.approx(
        {"mlp_quantile": 0.25, "mlp_quantile#3": 0.25, "lightgbm_quantile": 0.5}
    )


def test_two_settings_of_a_kind_that_were_not_tuned_share_nothing(splits: Splits) -> None:
    ensemble = average(
        splits,
        candidate(splits, "mlp_quantile", 0.40 * POSITION, "mlp_quantile:backprop"),
        candidate(splits, "mlp_quantile", 0.35 * POSITION, "mlp_quantile:oialr"),
        candidate(splits, "lightgbm_quantile", -0.40 * POSITION),
    )
    assert shares(ensemble) == pytest.approx({"mlp_quantile:oialr": 0.5, "lightgbm_quantile": 0.5})


def test_no_average_where_one_candidate_says_all(splits: Splits) -> None:
    best = candidate(splits, "mlp_quantile", np.zeros(24))
    far = candidate(splits, "lightgbm_quantile", np.full(24, 1.5))
    assert select_ensemble([best, far], splits, CONFIG) is None
