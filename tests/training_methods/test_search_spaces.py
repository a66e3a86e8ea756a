"""Every method can be tuned: its search space draws options that it accepts."""

import optuna
import pytest

from training_methods import METHODS, create_method


@pytest.mark.parametrize("name", METHODS)
def test_drawn_options_make_a_method(name: str) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(5):
        trial = study.ask()
        options = METHODS[name].search_space(trial)
        assert create_method(name, **options).cost_hint().step_time > 0
        assert all(parameter.startswith(name) for parameter in trial.params)
