"""What each rank of the distributed tests does; returns plain values, judged in the tests."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tests.training_methods.networks import context, regression
from training_methods import (
    Communicator,
    EpochReport,
    StructureChange,
    Trainer,
    TrainerConfig,
    TrainingMethod,
    create_loss,
    create_method,
)
from training_methods.ab_training import AbTraining
from training_methods.oialr import Oialr
from training_methods.optimization import (
    OptimizerName,
    assert_holds_exactly_trainable,
    create_optimizer,
    swap_parameters,
)

STEPS = 40
SAMPLES, BATCH = 64, 16
PHASES: dict[str, Any] = {"warmup": 0.25, "period": 15, "full_steps": 3, "rebound_steps": 4}
MODES = ("with_stale", "only_learned", "full", "only_b")
FACTORED = ("2.weight", "4.weight")
WIDTH = 40


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(5, WIDTH),
            nn.Tanh(),
            nn.Linear(WIDTH, WIDTH),
            nn.Tanh(),
            nn.Linear(WIDTH, WIDTH),
            nn.Tanh(),
            nn.Linear(WIDTH, 3),
        )


def normalised(seed: int = 0) -> nn.Sequential:
    plain = network(seed)
    return nn.Sequential(*plain[:3], nn.BatchNorm1d(WIDTH), *plain[3:])


def trainer(communicator: Communicator, **options: Any) -> Trainer:
    config = TrainerConfig(
        max_epochs=STEPS * BATCH // SAMPLES,
        batch_size=BATCH,
        learning_rate=1e-2,
        weight_decay=0.01,
        optimizer="adamw",
        schedule="cosine",
        clip_norm=1.0,
    )
    generator = torch.Generator().manual_seed(communicator.rank)
    return Trainer(config, generator=generator, communicator=communicator, **options)


def fit(
    communicator: Communicator,
    method: TrainingMethod,
    *,
    validate: bool = False,
    build: Callable[[int], nn.Module] = network,
) -> dict[str, Any]:
    """Train on this rank's own samples. The network differs between ranks before it starts."""
    communicator.traffic.payload.clear()
    communicator.traffic.ring.clear()
    validation = regression(16, seed=9) if validate else None
    report = trainer(communicator).fit(
        build(communicator.rank),
        create_loss("mse"),
        train=regression(SAMPLES, seed=communicator.rank),
        validation=validation,
        method=method,
    )
    found = {
        "state": dict(report.model.state_dict()),
        "losses": list(report.train_losses),
        "validation_losses": list(report.validation_losses),
        "bytes": dict(report.method.comm_bytes),
        "ring_bytes": dict(report.method.comm_ring_bytes),
        "ranks": dict(report.method.ranks),
        "warnings": [finding.reason for finding in report.method.findings],
    }
    if validation is not None:
        with torch.no_grad():
            output = report.model(*validation.x)
        found["validation_loss"] = create_loss("mse")(output, validation.y).item()
    return found


class Watched(AbTraining):
    """Writes down what each step did."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.steps: list[dict[str, Any]] = []

    def after_optimizer_step(self, step: int) -> StructureChange | None:
        was_independent = self.independent
        before, lr_scale = self._weights(), self.lr_scale(step)
        change = super().after_optimizer_step(step)
        self.steps.append(
            {
                "done": step + 1,
                "was_independent": was_independent,
                "independent": self.independent,
                "lr_scale": lr_scale,
                "before": before,
                "after": self._weights(),
                "payload": dict(self.context.communicator.traffic.payload),
            }
        )
        return change

    def _weights(self) -> dict[str, Any]:
        return copy.deepcopy(
            {
                "factors": {
                    weight.key: [factor.detach() for factor in weight.factors]
                    for weight in self.weights
                    if weight.factored
                },
                "dense": dict(self._dense_state()),
                "gradients": [p.grad is not None for p in self.model.parameters()],
                "trained": [p.requires_grad for p in self.model.parameters()],
            }
        )


def watched(communicator: Communicator, **options: Any) -> dict[str, Any]:
    method = Watched(**PHASES, **options)
    found = fit(communicator, method)
    return {**found, "steps": method.steps, "compression": method.compression()}


def resumed(communicator: Communicator, name: str, at: int) -> tuple[dict[str, Any], ...]:
    """A run that went through, and one that went on from what the first saved after an epoch."""
    saved: dict[str, Any] = {}
    options = {"cutoff": 0.3} if name == "ab_training" else {}

    def save(report: EpochReport) -> None:
        if report.epoch == at:
            saved.update(runner.state_dict())

    def run(runner: Trainer, seed: int) -> dict[str, Any]:
        report = runner.fit(
            network(seed),
            create_loss("mse"),
            train=regression(SAMPLES, seed=communicator.rank),
            method=create_method(name, **PHASES, **options),
        )
        return {"state": dict(report.model.state_dict()), "losses": list(report.train_losses)}

    runner = trainer(communicator, on_epoch=save)
    through = run(runner, 0)
    again = trainer(communicator)
    again.load_state_dict(saved)
    return through, run(again, 5)


def momentum(communicator: Communicator, kind: OptimizerName) -> dict[str, Any]:
    """What the optimiser keeps of one weight before and after the groups part, and whether it
    keeps anything once they have synchronised."""
    data = regression(SAMPLES, seed=communicator.rank)
    offered = replace(context(data), communicator=communicator, max_epochs=8)
    method = AbTraining(warmup=0.25, period=6, full_steps=1, cutoff=0.3)
    method.prepare(network(), create_loss("mse"), offered)
    optimizer = create_optimizer(
        kind, method.parameter_groups(), learning_rate=1e-2, weight_decay=0.0, momentum=0.9
    )
    key = {"sgd": "momentum_buffer", "adam": "exp_avg"}[kind]
    weight, found = method.weights[0], {}
    for step in range(6):
        optimizer.zero_grad()
        method.compute_gradients(data.gather(torch.arange(SAMPLES)), step)
        method.reduce_gradients()
        optimizer.step()
        before = None if weight.factored else optimizer.state[weight.whole][key]
        change = method.after_optimizer_step(step)
        if change is None:
            continue
        swap_parameters(optimizer, change.replaced)
        assert_holds_exactly_trainable(optimizer, method.model)
        if weight.factored:
            kept = optimizer.state[weight.factors[method.trained]][key]
            factors = [factor.detach().clone() for factor in weight.factors]
            found |= {"before": before, "factors": factors, "after": kept.clone()}
        else:
            found["kept after synchronisation"] = weight.whole in optimizer.state
    return found


def refusals(communicator: Communicator, **options: Any) -> list[str]:
    data = regression()
    offered = replace(context(data), communicator=communicator, max_epochs=STEPS)
    method = create_method("ab_training", **options)
    found = method.check(network(), create_loss("mse"), offered)
    return [finding.reason for finding in found if finding.severity == "error"]


def collectives(communicator: Communicator) -> dict[str, Any]:
    """Every collective once, on tensors that name their rank."""
    rank, world = communicator.rank, communicator.world_size
    halves = [communicator.new_group(range(world // 2)), communicator.new_group([world - 1])]
    communicator.traffic.payload.clear()
    communicator.traffic.ring.clear()
    first, second = torch.full((2, 3), float(rank)), torch.full((4,), 10.0 * rank)
    communicator.mean_([first, second.view(2, 2).t()], label="mean")
    largest = torch.tensor([rank, -rank])
    communicator.max_(largest, label="max")
    sent = [torch.full((3,), float(rank)), torch.tensor(rank)]
    communicator.broadcast_(sent, source=1, label="broadcast")
    grouped = torch.tensor([float(rank)])
    if rank < world // 2:
        communicator.mean_([grouped], label="group", group=halves[0])
    return {
        "mean": [first, second],
        "max": largest,
        "broadcast": sent,
        "group": grouped,
        "bytes": dict(communicator.traffic.payload),
        "ring_bytes": dict(communicator.traffic.ring),
    }


def two(communicator: Communicator) -> dict[str, Any]:
    backprop = fit(communicator, create_method("backprop"))
    return {
        "collectives": collectives(communicator),
        "backprop": backprop,
        "endless": fit(communicator, create_method("ab_training", warmup=float("inf"))),
        "endless local_sgd": fit(communicator, create_method("local_sgd", warmup=1.0)),
        "local_sgd": fit(communicator, create_method("local_sgd", **PHASES)),
        "modes": {mode: watched(communicator, merge_mode=mode, cutoff=0.3) for mode in MODES},
        "batch norm": fit(
            communicator,
            create_method("ab_training", **PHASES),
            validate=True,
            build=normalised,
        ),
        "validated": fit(communicator, create_method("ab_training", **PHASES), validate=True),
        "resumed": [resumed(communicator, "ab_training", at) for at in (1, 3, 4, 8)],
        "resumed local_sgd": resumed(communicator, "local_sgd", 3),
        "momentum": {kind: momentum(communicator, kind) for kind in ("sgd", "adam")},
        "refused": refusals(communicator, group_size=2),
    }


def four(communicator: Communicator) -> dict[str, Any]:
    return {
        "collectives": collectives(communicator),
        "halves": watched(communicator, cutoff=0.3),
        "only_b groups": watched(communicator, merge_mode="only_b", group_size=2, cutoff=0.3),
        "refused": {size: refusals(communicator, group_size=size) for size in (None, 1, 2, 3, 4)},
        "oialr": fit(
            communicator, Oialr(delay=0.2, updates=3, cutoff=0.5, keep_first=True), validate=True
        ),
    }


def failing(communicator: Communicator) -> None:
    if communicator.rank == 1:
        raise ArithmeticError("rank 1 has had enough")
    communicator.mean_([torch.zeros(1)], label="never")


def waiting(communicator: Communicator, note: str) -> Tensor:
    """Does not end by itself: rank 0 waits for a rank that sleeps."""
    import time
    from pathlib import Path

    if communicator.rank == 1:
        Path(note).touch()
        time.sleep(600)
    communicator.mean_([torch.zeros(1)], label="never")
    return torch.zeros(1)
