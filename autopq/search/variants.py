"""Variants: a component once for every training method that the task compares on it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from autopq.forecasters.base import PointForecaster
from autopq.presets import Effort
from autopq.quantiles.base import QuantileModel
from autopq.training_plan import TrainingMethods


@dataclass(frozen=True)
class Variant:
    """A component's name, its parameters, and a label that no other variant of a run has."""

    name: str
    label: str
    params: dict[str, Any] = field(default_factory=dict)


def variants(
    components: Iterable[type[PointForecaster] | type[QuantileModel]],
    effort: Effort,
    methods: TrainingMethods,
) -> list[Variant]:
    """Components without a network, and those whose stage the task leaves open, come once.

    The variants of a component start from the same weights and see the same data, so that they
    differ by their training method alone.
    """
    found: list[Variant] = []
    for component in components:
        name, stage = component.name, component.training_stage
        params = effort.params.get(name, {})
        chosen = methods.of(stage) if stage is not None else None
        if chosen is None:
            found.append(Variant(name, name, params))
            continue
        for choice in chosen:
            label = name if choice.label == "backprop" else f"{name}[{choice.label}]"
            found.append(Variant(name, label, {**params, **choice.params()}))
    return found
