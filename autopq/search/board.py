"""The leaderboard and the winner."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from autopq.energy.worth import Choice, cheapest_within
from autopq.errors import AutoPQError
from autopq.evaluation.importance import Importance
from autopq.leaderboard import LeaderboardRow
from autopq.presets import REFERENCE_QUANTILE_MODEL
from autopq.search.candidates import SCORE, Candidate, Scored
from autopq.search.ensemble import Ensemble
from autopq.search.points import FailedPoint

ENSEMBLE = "ensemble"
COVERAGE = "coverage_90"


def winner(
    candidates: list[Candidate], ensemble: Ensemble | None, cheaper_within: float | None = None
) -> list[tuple[Candidate, float]]:
    """The members to keep and their weights: the ensemble's, or the best candidate alone; with
    `cheaper_within`, those of the cheapest choice whose score is at most so much worse.

    Raises AutoPQError when no candidate could be scored.
    """
    usable = [candidate for candidate in candidates if candidate.validation is not None]
    if not usable:
        reasons = {candidate.error for candidate in candidates if candidate.error}
        raise AutoPQError(f"no candidate could be scored: {'; '.join(sorted(reasons)) or 'none'}")
    if cheaper_within is not None:
        return _cheapest(usable, ensemble, cheaper_within)
    if ensemble is not None:
        return ensemble.members
    return [(min(usable, key=lambda candidate: candidate.score), 1.0)]


def _cheapest(
    usable: list[Candidate], ensemble: Ensemble | None, within: float
) -> list[tuple[Candidate, float]]:
    members = {candidate.name: [(candidate, 1.0)] for candidate in usable}
    choices = [Choice(c.name, c.score, c.cost.energy_wh) for c in usable]
    if ensemble is not None:
        members[ENSEMBLE] = ensemble.members
        score = ensemble.validation.scores[SCORE]
        choices.append(Choice(ENSEMBLE, score, ensemble.cost.energy_wh))
    return members[cheapest_within(choices, within).name]


def leaderboard(
    candidates: list[Candidate],
    ensemble: Ensemble | None,
    failed: list[FailedPoint],
    chosen: list[tuple[Candidate, float]],
    *,
    min_coverage: float | None = None,
) -> list[LeaderboardRow]:
    """Rows ranked by validation score; what failed comes last, with its reason. Rows whose 90 %
    interval holds less than `min_coverage` are marked, and so is the one of `chosen` members."""
    name = ENSEMBLE if len(chosen) > 1 else chosen[0][0].name
    rows = [_row(candidate) for candidate in candidates]
    rows += [_failed_row(point) for point in failed]
    if ensemble is not None:
        rows.append(_ensemble_row(ensemble))
    rows.sort(key=lambda row: row.validation.get(SCORE, float("inf")))
    return [
        replace(
            row,
            rank=rank,
            not_recommended=_missed(row, min_coverage),
            chosen=row.name == name and row.error is None,
        )
        for rank, row in enumerate(rows, start=1)
    ]


def annotated(
    rows: Sequence[LeaderboardRow],
    *,
    ended_by: str | None,
    left_out: Sequence[str],
    importance: Sequence[Importance],
) -> list[LeaderboardRow]:
    """The rows with what is known only after them in the chosen one's details: which limit ended
    what, what of the model's making was left out for it, that it is a simple row which won, and
    how much groups of inputs matter."""
    found = {
        "ended_by": ended_by,
        "left_out": list(left_out),
        "simple_row": _simple_row(rows),
        "importance": [group.as_dict() for group in importance],
    }
    more = {name: value for name, value in found.items() if value}
    return [replace(row, details={**row.details, **more}) if row.chosen else row for row in rows]


def _simple_row(rows: Sequence[LeaderboardRow]) -> str | None:
    """A word where a reference is chosen of the ranked rows although richer ones were scored."""
    chosen = next(row for row in rows if row.chosen)
    richer = next((row for row in rows if not row.reference and row.validation), None)
    if not chosen.reference or richer is None:
        return None
    return (
        f"a simple row is kept: its validation loss is {chosen.validation[SCORE]:.4g}, that of the "
        f"best richer one, '{richer.name}', {richer.validation[SCORE]:.4g}"
    )


def _missed(row: LeaderboardRow, min_coverage: float | None) -> str | None:
    """Where and by how much a row misses the coverage asked for."""
    if min_coverage is None:
        return None
    held = {"validation": row.validation, "test": row.test}
    missed = [
        f"{scores[COVERAGE]:.1%} of the {part} values"
        for part, scores in held.items()
        if scores and scores[COVERAGE] < min_coverage
    ]
    if not missed:
        return None
    return (
        f"its 90 % interval holds {' and '.join(missed)}; "
        f"`min_coverage` asks for {min_coverage:.1%}"
    )


def _row(candidate: Candidate) -> LeaderboardRow:
    point = candidate.point
    described = {
        "forecaster": point.forecaster.describe() if point else {},
        "quantile_model": {} if candidate.error else candidate.model.describe(),
    }
    more = _calibration(candidate)
    source = candidate.warm_start or (point.warm_start if point else None)
    if source is not None:
        more["warm_start"] = source
    return LeaderboardRow(
        rank=0,
        name=candidate.name,
        forecaster=point.name if point else None,
        quantile_model=candidate.model.name,
        training_method=candidate.training_methods,
        reference=candidate.reference,
        validation=_scores(candidate.validation),
        test=_scores(candidate.test),
        seconds=candidate.cost.seconds,
        energy_wh=candidate.cost.energy_wh,
        spread=candidate.model.spread,
        error=candidate.error,
        not_recommended=None,
        chosen=False,  # not known yet
        details=described | more,
        **_counts(described.values()),
    )


def _counts(descriptions: Iterable[Mapping[str, Any]]) -> dict[str, int | None]:
    """Parameters and bytes of a row, from what its components say of their training."""
    found = [description["training"] for description in descriptions if "training" in description]

    def total(count: str) -> int | None:
        return sum(training[count] for training in found) if found else None

    return {
        "trainable_parameters": total("trainable"),
        "stored_parameters": total("stored"),
        "dense_parameters": total("dense"),
        "bytes_sent": total("bytes_sent"),
    }


def _failed_row(point: FailedPoint) -> LeaderboardRow:
    return LeaderboardRow(
        rank=0,
        name=f"{point.label}+{REFERENCE_QUANTILE_MODEL}",
        forecaster=point.forecaster.name,
        quantile_model=REFERENCE_QUANTILE_MODEL,
        training_method=point.forecaster.training_method,
        reference=False,
        validation={},
        test={},
        seconds=point.cost.seconds,
        energy_wh=point.cost.energy_wh,
        error=point.error,
    )


def _ensemble_row(ensemble: Ensemble) -> LeaderboardRow:
    used = [candidate.training_methods for candidate, _ in ensemble.members]
    methods = dict.fromkeys(m for joined in used if joined for m in joined.split("+"))
    return LeaderboardRow(
        rank=0,
        name=ENSEMBLE,
        forecaster=None,
        quantile_model=ENSEMBLE,
        training_method="+".join(methods) or None,
        reference=False,
        validation=_scores(ensemble.validation),
        test=_scores(ensemble.test),
        seconds=ensemble.cost.seconds,
        energy_wh=ensemble.cost.energy_wh,
        details={
            "members": {c.name: round(weight, 4) for c, weight in ensemble.members},
            **_calibration(ensemble),
        },
    )


def _calibration(kept: Candidate | Ensemble) -> dict[str, Any]:
    parts = {"correction": kept.correction, "conformal": kept.conformal}
    return {name: part.describe() for name, part in parts.items() if part is not None}


def _scores(part: Scored | None) -> Mapping[str, float]:
    return part.scores if part else {}
