"""What accuracy costs in electricity: Pareto front, price of the last per cent, break-even.

Scores are losses, such as the CRPS or the mean pinball loss: lower is better.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be chosen: what it scored and what it took."""

    name: str
    score: float
    energy_wh: float
    group: str | None = None  # such as the training method


@dataclass(frozen=True, slots=True)
class Step:
    """From one choice on the front to the next better one."""

    name: str
    before: str
    energy_wh: float  # more than before
    gain: float  # in units of the score
    percent: float  # of the score before

    @property
    def wh_per_percent(self) -> float:
        return self.energy_wh / self.percent


def pareto_front(choices: Iterable[Choice]) -> list[Choice]:
    """The choices that none beats in both, the cheapest first: each is better than all before."""
    usable = (c for c in choices if isfinite(c.score) and isfinite(c.energy_wh))
    front: list[Choice] = []
    best = inf
    for choice in sorted(usable, key=lambda c: (c.energy_wh, c.score)):
        if choice.score < best:
            front.append(choice)
            best = choice.score
    return front


def steps(front: list[Choice]) -> list[Step]:
    """What each improvement along the front took."""
    return [step_between(before, after) for before, after in pairwise(front)]


def step_between(before: Choice, after: Choice) -> Step:
    """Raises ValueError when `after` is no better."""
    gain = before.score - after.score
    if gain <= 0:
        raise ValueError(f"{after.name} is no better than {before.name}")
    energy_wh = after.energy_wh - before.energy_wh
    return Step(after.name, before.name, energy_wh, gain, 100 * gain / before.score)


def cheapest_within(choices: Iterable[Choice], share: float) -> Choice:
    """The choice of least electricity among those whose score is at most `1 + share` times the
    best; the better of equally cheap ones. Raises ValueError without a choice."""
    usable = [c for c in choices if isfinite(c.score) and isfinite(c.energy_wh)]
    if not usable:
        raise ValueError("nothing to choose from")
    limit = (1 + share) * min(choice.score for choice in usable)
    near = [choice for choice in usable if choice.score <= limit]
    return min(near, key=lambda choice: (choice.energy_wh, choice.score))


def at_equal_accuracy(choices: Iterable[Choice], share: float) -> list[Choice]:
    """Of each group, the cheapest choice whose score is at most `1 + share` times the best of all;
    groups that have none are absent. The cheapest first."""
    usable = [c for c in choices if isfinite(c.score) and isfinite(c.energy_wh)]
    limit = (1 + share) * min((choice.score for choice in usable), default=inf)
    found: dict[str | None, Choice] = {}
    for choice in sorted(usable, key=lambda c: (c.energy_wh, c.score)):
        if choice.score <= limit:
            found.setdefault(choice.group, choice)
    return list(found.values())


def break_even(energy_wh: float, price_per_kwh: float, gain: float, value: float) -> float:
    """How many forecasts pay for the electricity: N = ΔE·price / (v·Δscore).

    `value` is what a forecast is worth more for each unit of score less, in the currency of the
    price. Infinite when there is no gain, 0 when the electricity is free.
    """
    cost = energy_wh / 1000 * price_per_kwh
    if cost <= 0:
        return 0.0
    return cost / (value * gain) if value > 0 and gain > 0 else inf
