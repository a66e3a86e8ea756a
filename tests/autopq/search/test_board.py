"""The rule that chooses among candidates by score, and by electricity where scores are close."""

from dataclasses import replace

import numpy as np
import pytest

from autopq.errors import AutoPQError
from autopq.leaderboard import LeaderboardRow
from autopq.quantiles import registry
from autopq.search.board import annotated, winner
from autopq.search.candidates import Candidate, Scored
from autopq.search.cost import Cost
from autopq.search.ensemble import Ensemble

SCORES = {"dear": (1.00, 900), "near": (1.04, 90), "cheap": (1.50, 9)}


def scored(score: float) -> Scored:
    return Scored(np.zeros((0, 1, 1)), {"mean_pinball": score, "coverage_90": 0.9})


@pytest.fixture
def candidates() -> dict[str, Candidate]:
    model = registry.create("residual")
    return {
        name: Candidate(None, model, name, Cost(1.0, energy), validation=scored(score))
        for name, (score, energy) in SCORES.items()
    }


@pytest.mark.parametrize(
    ("within", "name"),
    [(None, "dear"), (0.0, "dear"), (0.03, "dear"), (0.05, "near"), (0.6, "cheap")],
)
def test_the_cheapest_within_a_share_of_the_best(
    candidates: dict[str, Candidate], within: float | None, name: str
) -> None:
    given = list(candidates.values())
    chosen = winner(given, None, within)
    assert [(member.name, weight) for member, weight in chosen] == [(name, 1.0)]


def test_an_ensemble_is_one_of_the_choices(candidates: dict[str, Candidate]) -> None:
    given = list(candidates.values())
    members = [(candidates["dear"], 0.5), (candidates["near"], 0.5)]
    ensemble = Ensemble(members, scored(0.98), None)
    assert winner(given, ensemble) == winner(given, ensemble, 0.0) == members
    [(alone, _)] = winner(given, ensemble, 0.07)
    assert alone.name == "near"


def test_without_a_score_there_is_no_winner(candidates: dict[str, Candidate]) -> None:
    for candidate in candidates.values():
        candidate.validation, candidate.error = None, "it diverged"
    with pytest.raises(AutoPQError, match="it diverged"):
        winner(list(candidates.values()), None, 0.1)


def row(name: str, score: float | None, *, reference: bool = False) -> LeaderboardRow:
    return LeaderboardRow(
        rank=0,
        name=name,
        forecaster=None,
        quantile_model=name,
        training_method=None,
        reference=reference,
        validation={} if score is None else {"mean_pinball": score},
        test={},
        seconds=1.0,
        energy_wh=1.0,
        error="it broke" if score is None else None,
    )


SIMPLE, RICH, FAILED = row("simple", 1.0, reference=True), row("rich", 1.25), row("failed", None)
WORD = "a simple row is kept: its validation loss is 1, that of the best richer one, 'rich', 1.25"


@pytest.mark.parametrize(
    ("rows", "kept", "word"),
    [
        ([SIMPLE, RICH, FAILED], SIMPLE, WORD),
        ([SIMPLE, RICH, FAILED], RICH, None),
        ([SIMPLE, FAILED], SIMPLE, None),  # nothing richer was scored
    ],
)
def test_a_simple_row_that_is_kept_says_how_richer_ones_did(
    rows: list[LeaderboardRow], kept: LeaderboardRow, word: str | None
) -> None:
    ranked = [replace(one, chosen=one is kept) for one in rows]
    found = annotated(ranked, ended_by=None, left_out=(), importance=())
    assert {one.name: one.details.get("simple_row") for one in found} == {
        one.name: word if one is kept else None for one in rows
    }
