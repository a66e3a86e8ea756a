"""What is asked and told is kept, wherever it is kept, and taken up as it was left."""

import numpy as np
import pytest

from autopq import artifact
from autopq.search.cost import Cost
from autopq.search.store import SearchStore, WarmStart
from autopq.search.study import Study, open_storage
from autopq.search.trials.base import TrialOutcome
from autopq.state import State

COST = Cost(1.5, 4000)


def space(trial):
    return {
        "x": trial.suggest_float("x", 0.0, 10.0),
        "n": trial.suggest_int("n", 1, 64, log=True),
        "kind": trial.suggest_categorical("kind", ["a", "b"]),
    }


@pytest.fixture(params=["memory", "journal", "database"])
def store(request, tmp_path):
    if request.param == "memory":
        return None
    url = f"sqlite:///{tmp_path / 'trials.sqlite3'}" if request.param == "database" else None
    return SearchStore(tmp_path / "search", url, "job_1/")


def opened(store):
    folder = None if store is None else store.folder
    return Study("trees", 7, open_storage(store), "" if store is None else store.name, folder)


def outcome(score, values=()):
    return TrialOutcome(score, State({"w": np.array([score])}, {"score": score}), tuple(values))


def told(study, number, score, values=()):
    params = study.ask(number, space)
    study.tell(number, outcome(score, values), COST, None)
    return params


def test_proposals_are_the_same_wherever_they_are_kept(store):
    study, memory = opened(store), opened(None)
    for number in range(8):
        score = float(number % 3)
        assert told(study, number, score) == told(memory, number, score)
    assert study.best == memory.best
    assert study.best.number == 0
    assert study.state.meta == {"score": 0.0}


def test_a_search_is_taken_up_as_it_was_left(store):
    if store is None:
        pytest.skip("memory is gone with its process")
    whole = opened(None)
    for number in range(6):
        told(whole, number, 5.0 - number)
    expected = [whole.ask(number, space) for number in (6, 7)]

    study = opened(store)
    for number in range(6):
        told(study, number, 5.0 - number)
    study.ask(6, space)  # and nobody is there to tell
    study = opened(store)
    assert study.told(3).score == 2.0
    assert study.told(3).cost == COST
    assert study.told(6) is None
    assert [study.ask(number, space) for number in (6, 7)] == expected
    assert study.best.score == 0.0
    assert study.state.arrays["w"].tolist() == [0.0]
    # Of the fits only the best is kept.
    assert [path.name for path in store.folder.iterdir() if path.is_dir()] == ["trees-6"]


def test_reasons_and_prunings_are_kept(store):
    study = opened(store)
    study.ask(0, space)
    study.tell(0, TrialOutcome(error="ValueError: no"), COST, "ValueError: no")
    study.ask(1, space)
    pruned = TrialOutcome(values=(3.0,), error="pruned: behind", pruned=True)
    study.tell(1, pruned, COST, "pruned: behind")
    if store is not None:
        study = opened(store)
    assert (study.told(0).score, study.told(0).error) == (None, "ValueError: no")
    assert (study.told(1).score, study.told(1).error) == (None, "pruned: behind")
    assert study.best is None


def test_what_others_had_bounds_the_next_round_and_only_that():
    study = opened(None)
    for number, values in enumerate([(5, 4), (6, 2), (7, 3), (8, 9, 1), (1, 1)]):
        told(study, number, 1.0, values)
    assert study.ceilings(3) == ()  # too few to say
    assert study.ceilings(4) == (6.5, 3.5)  # the fifth is of a later round


def test_a_best_fit_that_cannot_be_read_is_run_again(tmp_path):
    store = SearchStore(tmp_path)
    told(opened(store), 0, 1.0)
    (tmp_path / "trees-1" / "model.safetensors").write_bytes(b"cut off")
    study = opened(store)
    assert study.best.score == 1.0
    assert study.state is None
    assert study.told(0) is None
    told(study, 0, 1.0)
    study = opened(store)
    assert study.told(0).score == 1.0
    assert study.state.arrays["w"].tolist() == [1.0]


def test_a_trial_that_was_half_told_is_told_again(tmp_path, monkeypatch):
    store = SearchStore(tmp_path)
    study = opened(store)
    with monkeypatch.context() as patch:
        # The process ends while it writes the fit, after the values were told.
        patch.setattr(artifact, "save", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            told(study, 0, 1.0, (3.0, 2.0))
    study = opened(store)
    assert study.told(0) is None
    told(study, 0, 1.0, (3.0, 2.0))
    assert study.told(0).score == 1.0


def _interrupted(*_):
    raise KeyboardInterrupt


def test_a_trial_that_was_half_asked_is_asked_the_same_again(tmp_path):
    params = []
    for name in ("one", "two"):
        store = SearchStore(tmp_path / name)
        opened(store).ask(0, lambda trial: trial.suggest_float("x", 0.0, 10.0))
        params.append(opened(store).ask(0, space))
    assert params[0] == params[1]


def test_known_settings_come_first_inside_the_space_and_once():
    study = opened(None)
    known = [
        WarmStart("trees", {"x": 99.0, "n": 8, "kind": "b", "more": 1}, "job_a"),
        WarmStart("trees", {"x": 10.0, "n": 8, "kind": "b"}, "job_b"),
        WarmStart("trees", {"x": 1.0, "n": 8, "kind": "gone"}, "job_c"),
        WarmStart("trees", {"x": 1.0}, "job_d"),
    ]
    study.start_from(known, space)
    assert told(study, 0, 1.0) == {"x": 10.0, "n": 8, "kind": "b"}
    assert study.source(0) == study.best.source == "job_a"
    told(study, 1, 2.0)
    assert study.source(1) is None
