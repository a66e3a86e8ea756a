"""The training loop: batches, optimiser, schedule, clipping, early stopping, checkpoints."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from training_methods.base import (
    Finding,
    MethodContext,
    MethodRefused,
    TensorData,
    TrainingMethod,
)
from training_methods.communicator import Communicator, LocalCommunicator
from training_methods.losses import Loss
from training_methods.optimization import (
    assert_holds_exactly_trainable,
    create_optimizer,
    load_optimizer_state,
    optimizer_state,
    schedule_factor,
    set_learning_rate,
    swap_parameters,
)
from training_methods.outcomes import EpochReport, FitReport, TrainingDiverged, TrainingStopped
from training_methods.settings import TrainerConfig


@dataclass
class _Progress:
    """Where a run stands between two epochs."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    best_state: dict[str, Tensor] | None = None
    train_losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    stopped_early: bool = False


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(before if count is None else min(count, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Trainer:
    """Trains a model by a method. All randomness comes from `generator` (a CPU generator); the
    global random state is left as it was found.

    Over several ranks every rank passes its own shard, of the same number of samples.
    """

    def __init__(
        self,
        config: TrainerConfig,
        *,
        generator: torch.Generator,
        on_epoch: Callable[[EpochReport], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
        communicator: Communicator | None = None,
    ) -> None:
        self.config = config
        self._generator = generator
        self._on_epoch = on_epoch
        self._should_stop = should_stop
        self._communicator = communicator or LocalCommunicator()
        self._resume: dict[str, Any] | None = None
        self._progress = _Progress()
        self._method: TrainingMethod | None = None
        self._optimizer: Optimizer | None = None
        self._trainable: set[str] = set()

    def fit(
        self,
        model: nn.Module,
        loss: Loss,
        *,
        train: TensorData,
        validation: TensorData | None = None,
        method: TrainingMethod,
    ) -> FitReport:
        """Train `model`; it is taken over by the method, use `FitReport.model` afterwards.

        Without validation data exactly `max_epochs` are trained. Raises MethodRefused,
        TrainingStopped, TrainingDiverged.
        """
        config = self.config
        model.to(config.device)
        self._trainable = {name for name, p in model.named_parameters() if p.requires_grad}
        train = train.to(config.device)
        validation = validation.to(config.device) if validation is not None else None
        self._agree_on_start(model, len(train))
        context = MethodContext(
            data=train,
            device=config.device,
            generator=self._generator,
            communicator=self._communicator,
            max_epochs=config.max_epochs,
            steps_per_epoch=math.ceil(len(train) / config.batch_size),
        )
        with self._seeded(), _threads(config.threads):
            findings = method.check(model, loss, context)
            if any(finding.severity == "error" for finding in findings):
                raise MethodRefused(method.name, findings)
            method.prepare(model, loss, context)
            progress = self._begin(method)
            while progress.epoch < config.max_epochs and not progress.stopped_early:
                if self._stop_requested():
                    raise TrainingStopped(f"stopped before epoch {progress.epoch + 1}")
                self._run_epoch(method, loss, train, validation)
            return self._finish(method, findings)

    def state_dict(self) -> dict[str, Any]:
        """The run between two epochs (call it from `on_epoch`), as plain values and tensors."""
        if self._method is None or self._optimizer is None:
            raise RuntimeError("there is no run to save: state_dict() is for on_epoch")
        return {
            "progress": {name: _copied(value) for name, value in vars(self._progress).items()},
            "method": _copied(self._method.state_dict()),
            "optimizer": optimizer_state(self._optimizer, self._method.model),
            "generator": self._generator.get_state(),
            "random_state": torch.get_rng_state(),
            "cuda_random_state": (
                torch.cuda.get_rng_state(self.config.device)
                if self.config.device.type == "cuda"
                else None
            ),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The next `fit` resumes from `state`, given the same data, settings and method."""
        self._resume = _copied(state)

    def _begin(self, method: TrainingMethod) -> _Progress:
        resume, self._resume = self._resume, None
        if resume is not None:
            method.load_state_dict(resume["method"])
        optimizer = create_optimizer(
            self.config.optimizer,
            method.parameter_groups(),
            learning_rate=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            momentum=self.config.momentum,
        )
        assert_holds_exactly_trainable(optimizer, method.model)
        self._progress = _Progress()
        if resume is not None:
            load_optimizer_state(optimizer, method.model, resume["optimizer"])
            self._progress = _Progress(**resume["progress"])
            self._generator.set_state(resume["generator"])
            torch.set_rng_state(resume["random_state"])
            if resume["cuda_random_state"] is not None:
                torch.cuda.set_rng_state(resume["cuda_random_state"], self.config.device)
        self._method, self._optimizer = method, optimizer
        return self._progress

    def _run_epoch(
        self, method: TrainingMethod, loss: Loss, train: TensorData, validation: TensorData | None
    ) -> None:
        progress = self._progress
        train_loss = self._train_epoch(method, train)
        validation_loss = None
        if validation is not None:
            validation_loss = evaluate(
                method.evaluation_model(), loss, validation, max(self.config.batch_size, 1024)
            )
        train_loss, validation_loss = self._agree_on_losses(train_loss, validation_loss)
        progress.epoch += 1
        for kind, value in (("training", train_loss), ("validation", validation_loss)):
            if value is not None and not math.isfinite(value):
                raise TrainingDiverged(
                    f"the {kind} loss is {value} in epoch {progress.epoch} with {method.name}; "
                    "a lower learning rate, or gradient clipping, may help"
                )
        progress.train_losses.append(train_loss)
        if validation_loss is None:
            progress.best_epoch = progress.epoch
        else:
            progress.validation_losses.append(validation_loss)
            self._note_validation(method, validation_loss)
        if self._on_epoch is not None:
            assert self._optimizer is not None
            self._on_epoch(
                EpochReport(
                    epoch=progress.epoch,
                    max_epochs=self.config.max_epochs,
                    train_loss=train_loss,
                    validation_loss=validation_loss,
                    best_epoch=progress.best_epoch,
                    learning_rate=float(self._optimizer.param_groups[0]["lr"]),
                )
            )

    def _train_epoch(self, method: TrainingMethod, train: TensorData) -> float:
        """One pass over the data; the mean training loss. Waits for the device once."""
        config, progress, optimizer = self.config, self._progress, self._optimizer
        assert optimizer is not None
        total_steps = method.context.total_steps
        method.model.train()
        method.on_epoch_start(progress.epoch)
        trainable = [p for p in method.model.parameters() if p.requires_grad]
        order = torch.randperm(len(train), generator=self._generator).to(config.device)
        total = torch.zeros((), device=config.device)
        for index in torch.split(order, config.batch_size):
            step = progress.step
            factor = schedule_factor(config.schedule, step, total_steps) * method.lr_scale(step)
            set_learning_rate(optimizer, factor)
            optimizer.zero_grad(set_to_none=True)
            result = method.compute_gradients(train.gather(index), step)
            method.reduce_gradients()
            if config.clip_norm is not None:
                nn.utils.clip_grad_norm_(trainable, config.clip_norm)
            optimizer.step()
            change = method.after_optimizer_step(step)
            if change is not None:
                swap_parameters(optimizer, change.replaced)
                assert_holds_exactly_trainable(optimizer, method.model)
                trainable = [p for p in method.model.parameters() if p.requires_grad]
            total += result.loss * index.shape[0]
            progress.step += 1
        return float(total.item()) / len(train)

    def _note_validation(self, method: TrainingMethod, validation_loss: float) -> None:
        progress = self._progress
        if validation_loss < progress.best_loss - self.config.min_delta:
            progress.best_loss = validation_loss
            progress.best_epoch = progress.epoch
            progress.best_state = _copied(method.dense_state())
        elif (
            self.config.patience is not None
            and progress.epoch - progress.best_epoch >= self.config.patience
        ):
            progress.stopped_early = True

    def _finish(self, method: TrainingMethod, findings: list[Finding]) -> FitReport:
        progress = self._progress
        report = replace(method.report(), findings=tuple(findings))
        model = method.merge()
        if progress.best_state is not None:
            model.load_state_dict(progress.best_state)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in self._trainable)
            parameter.grad = None
        self._method = self._optimizer = None
        return FitReport(
            model=model.eval(),
            method=report,
            epochs=progress.epoch,
            best_epoch=progress.best_epoch,
            train_losses=tuple(progress.train_losses),
            validation_losses=tuple(progress.validation_losses),
            stopped_early=progress.stopped_early,
        )

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Dropout and the like draw from the global stream: seed it, and put it back after."""
        device = self.config.device
        seed = int(torch.randint(2**62, (), generator=self._generator))
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield

    def _agree_on_start(self, model: nn.Module, samples: int) -> None:
        comm = self._communicator
        if comm.world_size == 1:
            return
        extent = torch.tensor([samples, -samples], device=self.config.device)
        comm.max_(extent, label="control")
        if extent[0] != -extent[1]:
            raise ValueError(
                f"every rank needs the same number of samples, got {-int(extent[1])} to "
                f"{int(extent[0])}"
            )
        comm.broadcast_(list(model.state_dict().values()), source=0, label="control")

    def _agree_on_losses(
        self, train_loss: float, validation_loss: float | None
    ) -> tuple[float, float | None]:
        """Means over the ranks, so that all of them stop in the same epoch."""
        if self._communicator.world_size == 1:
            return train_loss, validation_loss
        both = torch.tensor([train_loss, validation_loss or 0.0], device=self.config.device)
        self._communicator.mean_([both], label="control")
        return float(both[0]), None if validation_loss is None else float(both[1])

    def _stop_requested(self) -> bool:
        stop = self._should_stop is not None and self._should_stop()
        if self._communicator.world_size == 1:
            return stop
        vote = torch.tensor([float(stop)], device=self.config.device)
        self._communicator.max_(vote, label="control")
        return bool(vote.item())


def evaluate(model: nn.Module, loss: Loss, data: TensorData, batch_size: int) -> float:
    """Mean loss over samples, in eval mode, without gradients; leaves the mode as it was."""
    was_training = model.training
    model.eval()
    total = torch.zeros((), device=data.x[0].device)
    with torch.inference_mode():
        for index in torch.split(torch.arange(len(data), device=data.x[0].device), batch_size):
            batch = data.gather(index)
            total += loss(model(*batch.x), batch.y) * index.shape[0]
    model.train(was_training)
    return float(total.item()) / len(data)


def _copied(value: Any) -> Any:
    """A deep copy of nested dicts, lists and tensors, cut from the autograd graph."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    return value
