"""The trainer's promises, on small networks."""

import io
import math

import pytest
import torch
from torch import nn

from training_methods import (
    EpochReport,
    TensorData,
    Trainer,
    TrainerConfig,
    TrainingDiverged,
    TrainingStopped,
    create_loss,
    create_method,
)


def network(seed: int = 0, dropout: float = 0.0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 2))


def regression(samples: int = 200, seed: int = 0) -> TensorData:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 5, generator=generator)
    noise = 0.1 * torch.randn(samples, 2, generator=generator)
    return TensorData((x,), torch.stack([x[:, 0] * x[:, 1], x[:, 2].sin()], 1) + noise)


def settings(**changes: object) -> TrainerConfig:
    values: dict[str, object] = {"max_epochs": 4, "batch_size": 32, "learning_rate": 1e-2}
    return TrainerConfig(**{**values, **changes})  # type: ignore[arg-type]


def trainer(config: TrainerConfig, seed: int = 1, **options: object) -> Trainer:
    return Trainer(config, generator=torch.Generator().manual_seed(seed), **options)  # type: ignore[arg-type]


def same(left: nn.Module, right: nn.Module) -> bool:
    a, b = left.state_dict(), right.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_learns_and_returns_the_best_weights_in_eval_mode() -> None:
    train, validation = regression(1000), regression(200, seed=1)
    report = trainer(settings(max_epochs=40, patience=5)).fit(
        network(),
        create_loss("mse"),
        train=train,
        validation=validation,
        method=create_method("backprop"),
    )
    assert report.validation_losses[report.best_epoch - 1] == min(report.validation_losses)
    assert min(report.validation_losses) < 0.5 * report.validation_losses[0]
    assert not report.model.training
    with torch.no_grad():
        achieved = create_loss("mse")(report.model(*validation.x), validation.y)
    assert achieved.item() == pytest.approx(min(report.validation_losses), rel=1e-5)


def test_early_stopping_waits_for_patience_epochs() -> None:
    """Validation on unlearnable targets turns bad soon; the run must end `patience` later."""
    validation = TensorData(regression().x, torch.zeros(200, 2))
    report = trainer(settings(max_epochs=60, patience=3)).fit(
        network(),
        create_loss("mse"),
        train=regression(),
        validation=validation,
        method=create_method("backprop"),
    )
    assert report.stopped_early
    assert report.epochs == report.best_epoch + 3


def test_without_validation_every_epoch_is_trained() -> None:
    report = trainer(settings(max_epochs=7, patience=1)).fit(
        network(), create_loss("mse"), train=regression(), method=create_method("backprop")
    )
    assert (report.epochs, report.best_epoch, report.stopped_early) == (7, 7, False)
    assert report.validation_losses == ()


def test_same_seed_same_weights_and_no_trace_in_the_global_random_state() -> None:
    before = torch.get_rng_state()
    models = [
        trainer(settings(), seed=seed)
        .fit(
            network(dropout=0.3),
            create_loss("mse"),
            train=regression(),
            method=create_method("backprop"),
        )
        .model
        for seed in (1, 1, 2)
    ]
    assert same(models[0], models[1])
    assert not same(models[0], models[2])
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_resume_is_bit_identical(optimizer: str) -> None:
    saved = io.BytesIO()
    config = settings(
        max_epochs=6, optimizer=optimizer, momentum=0.9, schedule="cosine", weight_decay=0.01
    )

    def save(report: EpochReport) -> None:
        if report.epoch == 3:
            torch.save(through.state_dict(), saved)

    def run(runner: Trainer, initial: nn.Module) -> nn.Module:
        return runner.fit(
            initial,
            create_loss("mse"),
            train=regression(),
            validation=regression(50, 3),
            method=create_method("backprop"),
        ).model

    through = trainer(config, on_epoch=save)
    expected = run(through, network(dropout=0.2))
    saved.seek(0)
    resumed = trainer(config, seed=99)
    resumed.load_state_dict(torch.load(saved, weights_only=True))
    assert same(expected, run(resumed, network(seed=5, dropout=0.2)))


def test_stops_between_epochs_when_asked() -> None:
    epochs: list[int] = []
    with pytest.raises(TrainingStopped):
        trainer(
            settings(),
            on_epoch=lambda report: epochs.append(report.epoch),
            should_stop=lambda: len(epochs) == 2,
        ).fit(network(), create_loss("mse"), train=regression(), method=create_method("backprop"))
    assert epochs == [1, 2]


def test_divergence_is_an_error_that_names_the_remedy() -> None:
    with pytest.raises(TrainingDiverged, match="learning rate"):
        trainer(settings(optimizer="sgd", learning_rate=1e6)).fit(
            network(), create_loss("mse"), train=regression(), method=create_method("backprop")
        )


def test_losses_are_means_over_samples_whatever_the_last_batch_holds() -> None:
    data, loss = regression(), create_loss("mae")
    expected = loss(network()(*data.x), data.y).item()
    report = trainer(settings(max_epochs=1, batch_size=150, learning_rate=1e-12)).fit(
        network(), loss, train=data, validation=data, method=create_method("backprop")
    )
    assert report.train_losses[0] == pytest.approx(expected, rel=1e-5)
    assert report.validation_losses[0] == pytest.approx(expected, rel=1e-5)


def test_clipping_bounds_the_global_norm_of_a_step() -> None:
    model = network()
    before = torch.cat([p.detach().clone().flatten() for p in model.parameters()])
    trained = (
        trainer(
            settings(
                max_epochs=1, batch_size=200, optimizer="sgd", learning_rate=1.0, clip_norm=1e-3
            )
        )
        .fit(model, create_loss("mse"), train=regression(), method=create_method("backprop"))
        .model
    )
    after = torch.cat([p.detach().flatten() for p in trained.parameters()])
    assert (after - before).norm().item() == pytest.approx(1e-3, rel=1e-3)


def test_schedules_run_to_their_end() -> None:
    def rates(schedule: str) -> list[float]:
        seen: list[float] = []
        trainer(
            settings(max_epochs=8, schedule=schedule, batch_size=200),
            on_epoch=lambda report: seen.append(report.learning_rate / 1e-2),
        ).fit(network(), create_loss("mse"), train=regression(), method=create_method("backprop"))
        return seen

    assert rates("constant") == pytest.approx([1.0] * 8)
    assert rates("halve") == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125])
    assert rates("cosine") == pytest.approx(
        [0.5 * (1 + math.cos(math.pi * epoch / 8)) for epoch in range(8)]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"max_epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"patience": 0},
        {"clip_norm": 0.0},
        {"optimizer": "lbfgs"},
        {"schedule": "step"},
    ],
)
def test_settings_are_checked(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        settings(**changes)


def test_unknown_method_loss_and_option_are_named() -> None:
    with pytest.raises(ValueError, match="magic"):
        create_method("magic")
    with pytest.raises(ValueError, match="huber"):
        create_loss("huber")
    with pytest.raises(ValueError, match="speed"):
        create_method("backprop", speed=9)


def test_data_must_agree_in_length() -> None:
    with pytest.raises(ValueError, match="same number of samples"):
        TensorData((torch.zeros(3, 1),), torch.zeros(2))
