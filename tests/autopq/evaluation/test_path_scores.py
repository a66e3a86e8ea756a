"""Scores of sample paths, by closed forms and by what they must tell apart."""

import math

import numpy as np
import pytest

from autopq.evaluation.path_scores import (
    aggregate,
    aggregate_pinball,
    energy_scores,
    variogram_scores,
)
from autopq.evaluation.scores import sample_crps


def energy(y, samples):
    return energy_scores(y, samples).mean()


def test_energy_score_sees_dependence_between_steps():
    rng = np.random.default_rng(3)
    common = rng.normal(size=(200, 1)) + 0.1 * rng.normal(size=(200, 8))
    dependent = rng.normal(size=(200, 100, 1)) + 0.1 * rng.normal(size=(200, 100, 8))
    independent = math.sqrt(1.01) * rng.normal(size=(200, 100, 8))
    assert energy(common, dependent) < 0.97 * energy(common, independent)
    alone = energy(common[:, :1], independent[:, :, :1])
    assert alone == pytest.approx(sample_crps(common[:, :1], independent[:, :, :1]), rel=1e-9)


def test_paths_without_spread_score_their_distance():
    y = np.array([[3.0, 4.0], [0.0, np.nan]])
    scores = energy_scores(y, np.zeros((2, 5, 2)))
    assert scores[0] == pytest.approx(5.0)
    assert np.isnan(scores[1])


def test_energy_score_is_unbiased_in_the_number_of_paths():
    rng = np.random.default_rng(6)
    y = rng.normal(size=(3000, 3))
    few = energy(y, rng.normal(size=(3000, 4, 3)))
    many = energy(y, rng.normal(size=(3000, 60, 3)))
    assert few == pytest.approx(many, abs=0.02)


def test_variogram_score_of_a_fixed_path_is_its_squared_difference():
    # Seen are 4^½ and 1^½ at lag 1 and 3^½ at lag 2, which weighs half; 0 is forecast for each.
    y = np.array([[0.0, 4.0, 3.0]])
    scores = variogram_scores(y, np.full((1, 7, 3), 2.0))
    assert scores == pytest.approx([(4 + 1 + 3 / 2) / 2.5])
    assert variogram_scores(y, np.repeat(y[:, None] + 9, 3, axis=1)) == pytest.approx([0.0])


def test_variogram_score_sees_a_wrong_correlation_far_better_than_the_energy_score():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(300, 1)) + 0.3 * rng.normal(size=(300, 8))
    right = rng.normal(size=(300, 100, 1)) + 0.3 * rng.normal(size=(300, 100, 8))
    wrong = math.sqrt(1.09) * rng.normal(size=(300, 100, 8))
    ratio = variogram_scores(y, right).mean() / variogram_scores(y, wrong).mean()
    assert ratio < 0.6
    assert ratio < energy(y, right) / energy(y, wrong)


def test_aggregates_go_by_blocks_and_the_last_may_be_short():
    hours = np.array([1.0, 5.0, 2.0, 7.0, 6.0])
    assert aggregate(hours, "sum", 2) == pytest.approx([6, 9, 6])
    assert aggregate(hours, "max", 2) == pytest.approx([5, 7, 6])
    assert aggregate(hours, "ramp", 5) == pytest.approx([5])
    assert aggregate(hours[:1], "ramp", 5) == pytest.approx([0])


def test_day_sums_from_paths_with_the_right_dependence_score_the_closed_form():
    # A sum of 24 equal normals has a spread of 24; the mean pinball loss of the truth is half its
    # CRPS, 24 / (2 sqrt(pi)).
    rng = np.random.default_rng(8)
    y = np.repeat(rng.normal(size=(1500, 1)), 24, axis=1)
    right = np.repeat(rng.normal(size=(1500, 150, 1)), 24, axis=2)
    wrong = rng.normal(size=(1500, 150, 24))
    found = aggregate_pinball(y, right, "sum", 24).mean()
    assert found == pytest.approx(24 / (2 * math.sqrt(math.pi)), rel=0.05)
    assert aggregate_pinball(y, wrong, "sum", 24).mean() > 1.2 * found
    assert (
        aggregate_pinball(y, right, "max", 24).mean()
        < aggregate_pinball(y, wrong, "max", 24).mean()
    )
