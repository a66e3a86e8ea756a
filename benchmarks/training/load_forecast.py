"""A day of load, hour by hour, from two days of its past: task, network and training of two
benchmarks."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from benchmarks.training.experiments import Split, perceptron
from training_methods import TensorData, TrainerConfig

PAST, HORIZON = 48, 24
EVERY_HOURS = 6
TEST_SHARE = 0.2
CALENDAR = 13
INPUTS = PAST + CALENDAR
HIDDEN, LAYERS = 256, 3
SHAPE = "-".join(str(width) for width in (INPUTS, *[HIDDEN] * LAYERS, HORIZON))
CONFIG = TrainerConfig(
    max_epochs=60,
    batch_size=128,
    learning_rate=1e-3,
    weight_decay=0.01,
    optimizer="adamw",
    schedule="cosine",
)


def load_forecast(csv: Path) -> Split:
    """Windows every six hours of an hourly series (columns `ts`, `y`), split in time.

    Inputs [n, 61]: the past 48 hours and the calendar of the first hour ahead; target [n, 24]: the
    next 24 hours. Standardised by the training part; no training window reaches into the test part.
    """
    series = pd.read_csv(csv, usecols=["ts", "y"], index_col="ts", parse_dates=True)["y"]
    values = series.astype(float).interpolate().to_numpy()
    first_test = int(len(values) * (1 - TEST_SHARE))
    past = values[:first_test]
    values = (values - past.mean()) / past.std()
    origins = np.arange(PAST, len(values) - HORIZON + 1, EVERY_HOURS)
    lags = np.stack([values[at - PAST : at] for at in origins])
    targets = np.stack([values[at : at + HORIZON] for at in origins])
    inputs = np.concatenate([lags, _calendar(pd.DatetimeIndex(series.index[origins]))], axis=1)
    train, test = origins + HORIZON <= first_test, origins >= first_test
    return Split(_data(inputs[train], targets[train]), _data(inputs[test], targets[test]))


def network() -> nn.Module:
    return perceptron(INPUTS, HIDDEN, LAYERS, HORIZON, nn.ReLU)


def _calendar(times: pd.DatetimeIndex) -> np.ndarray:
    """[n, 13]: the hour on a circle, the weekday by indicators, the year in two harmonics."""
    hour = 2 * np.pi * times.hour.to_numpy() / 24
    year = 2 * np.pi * times.dayofyear.to_numpy() / 365.25
    circles = [np.sin(hour), np.cos(hour)]
    circles += [wave(k * year) for k in (1, 2) for wave in (np.sin, np.cos)]
    return np.concatenate([np.stack(circles, axis=1), np.eye(7)[times.dayofweek]], axis=1)


def _data(inputs: np.ndarray, targets: np.ndarray) -> TensorData:
    return TensorData(
        (torch.from_numpy(inputs.astype(np.float32)),), torch.from_numpy(targets.astype(np.float32))
    )
