"""Training methods by name: the value of `training_method` in a task."""

from typing import Any

from training_methods.ab_training import AbTraining
from training_methods.backprop import Backprop
from training_methods.base import TrainingMethod
from training_methods.controls import BlockLocal, LastLayerOnly
from training_methods.f3 import F3
from training_methods.forward_gradient import ForwardGradient
from training_methods.local_sgd import LocalSgd
from training_methods.oialr import Oialr

METHODS: dict[str, type[TrainingMethod]] = {
    method.name: method
    for method in (
        Backprop,
        LastLayerOnly,
        BlockLocal,
        F3,
        ForwardGradient,
        Oialr,
        LocalSgd,
        AbTraining,
    )
}


def create_method(name: str, **options: Any) -> TrainingMethod:
    """A fresh training method; ValueError for an unknown name or option."""
    if name not in METHODS:
        raise ValueError(f"unknown training method {name!r}; known: {', '.join(METHODS)}")
    return METHODS[name].create(**options)
