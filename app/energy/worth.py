"""What the accuracy of a job's candidates cost in electricity."""

from collections.abc import Iterable, Mapping
from math import inf, isfinite
from typing import Any

from app.energy.schemas import Candidate, Improvement, Worth
from app.energy.service import Price
from autopq.energy import worth
from autopq.energy.worth import Choice, Step

SCORE = "mean_pinball"


def of_leaderboard(
    rows: Iterable[Mapping[str, Any]],
    price: Price,
    *,
    within: float,
    value: float | None,
) -> Worth:
    """Front, prices and comparison of methods over the rows of a leaderboard that have scores:
    those of the test, or of the validation where nothing was held out for one."""
    scored = [row for row in rows if not row.get("error")]
    part = "test" if scored and all(row["test"] for row in scored) else "validation"
    choices = [
        Choice(
            row["name"],
            float(row[part].get(SCORE) or inf),
            row["energy_wh"],
            row["training_method"],
        )
        for row in scored
    ]
    choices = [choice for choice in choices if isfinite(choice.score)]
    front = worth.pareto_front(choices)
    by_method = [choice for choice in choices if choice.group is not None]

    def improvement(step: Step) -> Improvement:
        forecasts = (
            None
            if value is None
            else worth.break_even(step.energy_wh, price.per_kwh, step.gain, value)
        )
        return Improvement(
            name=step.name,
            before=step.before,
            energy_wh=step.energy_wh,
            gain=step.gain,
            percent=step.percent,
            wh_per_percent=step.wh_per_percent,
            cost=step.energy_wh / 1000 * price.per_kwh,
            break_even_forecasts=forecasts,
        )

    return Worth(
        score=SCORE,
        part=part,
        within=within,
        value=value,
        currency=price.currency,
        candidates=[_candidate(choice, choice in front) for choice in choices],
        front=[_candidate(choice, True) for choice in front],
        steps=[improvement(step) for step in worth.steps(front)],
        whole=improvement(worth.step_between(front[0], front[-1])) if len(front) > 1 else None,
        cheapest_within=(
            _candidate(near, near in front)
            if (near := worth.cheapest_within(choices, within) if choices else None)
            else None
        ),
        methods_at_equal_accuracy=[
            _candidate(choice, choice in front)
            for choice in worth.at_equal_accuracy(by_method, within)
        ],
    )


def _candidate(choice: Choice, on_front: bool) -> Candidate:
    return Candidate(
        name=choice.name,
        training_method=choice.group,
        score=choice.score,
        energy_wh=choice.energy_wh,
        on_front=on_front,
    )
