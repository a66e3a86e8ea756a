"""Greedy averaging of candidates on validation data (Caruana et al. 2004), quantile by quantile.

Adding the best partner again and again, with repetition, gives small whole-number weights: a
strong form of regularisation that a free fit of weights lacks.

Where the equal average of different kinds of models is nearly as good on validation, it is taken
instead: networks end their training by the validation rows, which flatters them there, and models
of different kinds do not fail together when a series moves on. For the same reason a setting that
was tuned on the validation rows shares the place of its kind with the one that was not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from autopq.data.splits import Splits
from autopq.evaluation.grid import DENSE_LEVELS
from autopq.evaluation.scores import mean_pinball
from autopq.members import averaged, within_limits
from autopq.quantiles.conformal import ConformalIntervals
from autopq.quantiles.recent_errors import RecentErrorCorrection
from autopq.search.candidates import SCORE, Candidate, Scored, scored
from autopq.search.cost import Cost
from autopq.task import TaskConfig

_MOST_PICKS = 12
# Every part is refitted and predicts in production; a fourth has yet to show its worth.
MOST_PARTS = 3
# The share of its loss an average must save to be worth several models in production.
_WORTHWHILE = 0.002
# The share of validation loss that is given up for an equal average of different kinds ...
_INSURANCE = 0.04
# ... of models that are at most so much worse than the best; those that stand on one forecaster's
# errors inherit its faults, and a second kind of network is flattered as the first: they have to be
# closer to the best, ...
_NOT_FAR_BEHIND = 1.15
_CLOSE = 1.05
# ... and a second kind of network, setting for setting, to be as close as this to the first ...
_CLOSE_TO_KIN = 1.035
# ... nor may what stands on a forecaster cost the average more than this share of its loss.
_BURDEN = 0.0025
_ON_A_FORECASTER = ""  # the kind of all these; no quantile model has this name


@dataclass
class Ensemble:
    """Candidates with positive weights that sum to 1, largest first, and their average's
    scores."""

    members: list[tuple[Candidate, float]]
    validation: Scored
    test: Scored | None
    correction: RecentErrorCorrection | None = None
    conformal: ConformalIntervals | None = None

    @property
    def cost(self) -> Cost:
        """What its members take together; what several stand on is counted once."""
        shared = {key: cost for c, _ in self.members for key, cost in c.shared.items()}
        return sum([*(c.own for c, _ in self.members), *shared.values()], Cost())


def select_ensemble(
    candidates: list[Candidate], splits: Splits, config: TaskConfig
) -> Ensemble | None:
    """The average that scores best on validation; None if no average is worth its members."""
    usable = [candidate for candidate in candidates if candidate.validation is not None]
    if len(usable) < 2:
        return None
    truth = splits.validation.target()
    parts = [c.validation.quantiles for c in usable if c.validation is not None]
    counts = _pick(truth, parts, usable)
    chosen = [(usable[i], count / sum(counts)) for i, count in enumerate(counts) if count]
    chosen.sort(key=lambda member: -member[1])
    validation = scored(splits.validation, _average(chosen, "validation", config))
    insured = _insured(_kinds(usable), splits, config)
    if insured is not None:
        members, scores = insured
        if scores.scores[SCORE] <= validation.scores[SCORE] * (1 + _INSURANCE):
            return Ensemble(members, scores, _tested(members, splits, config))
    if len(chosen) < 2:
        return None
    best = min(candidate.score for candidate in usable)
    if validation.scores[SCORE] > best * (1 - _WORTHWHILE):
        return None
    return Ensemble(chosen, validation, _tested(chosen, splits, config))


def _tested(
    members: list[tuple[Candidate, float]], splits: Splits, config: TaskConfig
) -> Scored | None:
    if not len(splits.test):
        return None
    return scored(splits.test, _average(members, "test", config))


def _kinds(usable: list[Candidate]) -> list[list[Candidate]]:
    """What could have an equal part in an average, best first, none far behind: each quantile model
    that stands alone, and all that stand on a point forecaster as one kind. Of each kind, its best
    candidate, and the best of the others where one of them was tuned and the other was not."""
    ranked = sorted(
        (candidate for candidate in usable if not candidate.reference),
        key=lambda candidate: candidate.score,
    )
    kinds: dict[str, list[Candidate]] = {}
    for candidate in ranked:
        name = candidate.model.name if candidate.point is None else _ON_A_FORECASTER
        kin = [o for o in ranked if _are_kin(candidate, o) and o.score < candidate.score]
        limit = _CLOSE if kin or name == _ON_A_FORECASTER else _NOT_FAR_BEHIND
        to_kin = min((o.score for o in kin if o.tuned == candidate.tuned), default=np.inf)
        if candidate.score <= min(ranked[0].score * limit, to_kin * _CLOSE_TO_KIN):
            kind = kinds.setdefault(name, [])
            if all(other.tuned != candidate.tuned for other in kind):
                kind.append(candidate)
    return list(kinds.values())


def _are_kin(one: Candidate, other: Candidate) -> bool:
    """Whether they are two kinds of network that stand alone."""
    stage, alone = one.model.training_stage, one.point is None and other.point is None
    differ = one.model.name != other.model.name
    return alone and differ and stage is not None and stage == other.model.training_stage


def _insured(
    kinds: list[list[Candidate]], splits: Splits, config: TaskConfig
) -> tuple[list[tuple[Candidate, float]], Scored] | None:
    """The equal average of the kinds; where they are too many, of those that are best together."""
    averages = (
        _equal_average(some, splits, config)
        for some in combinations(kinds, min(len(kinds), MOST_PARTS))
    )
    return min(
        (average for average in averages if average is not None),
        key=lambda average: average[1].scores[SCORE],
        default=None,
    )


def _equal_average(
    kinds: Sequence[list[Candidate]], splits: Splits, config: TaskConfig
) -> tuple[list[tuple[Candidate, float]], Scored] | None:
    """Members, weights and validation scores of the average in which each kind has an equal part,
    without the one that stands on a point forecaster where it is a burden; None of a single kind.
    """
    if len(kinds) < 2:
        return None
    members = [(candidate, 1 / (len(kinds) * len(kind))) for kind in kinds for candidate in kind]
    found = scored(splits.validation, _average(members, "validation", config))
    alone = [kind for kind in kinds if kind[0].point is None]
    lighter = _equal_average(alone, splits, config) if len(alone) < len(kinds) else None
    if lighter and lighter[1].scores[SCORE] < found.scores[SCORE] * (1 - _BURDEN):
        return lighter
    return members, found


def _pick(
    truth: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    parts: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]],
    usable: list[Candidate],
) -> list[int]:
    """How often each candidate is picked before another pick stops helping."""
    counts = [0] * len(parts)
    first = min(range(len(parts)), key=lambda i: usable[i].score)
    counts[first] = 1
    total, best = parts[first].copy(), usable[first].score
    for picks in range(2, _MOST_PICKS + 1):
        full = sum(count > 0 for count in counts) == MOST_PARTS
        scores = [
            np.inf
            if full and not counts[i]
            else mean_pinball(truth, (total + part) / picks, DENSE_LEVELS)
            for i, part in enumerate(parts)
        ]
        choice = int(np.argmin(scores))
        if scores[choice] >= best:
            break
        best = scores[choice]
        counts[choice] += 1
        total += parts[choice]
    return counts


def _average(
    members: list[tuple[Candidate, float]], part: str, config: TaskConfig
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    quantiles = [getattr(candidate, part).quantiles for candidate, _ in members]
    return within_limits(averaged(quantiles, [weight for _, weight in members]), config)
