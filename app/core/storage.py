"""Where files lie. Every name is made by the service; nothing a user sends becomes a path."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _named(folder: Path, name: str) -> Path:
    """A file right in the folder. Names are ids that the service made; should another ever come
    this far, it must not become a path."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a file of the service")
    return folder / name


@dataclass(frozen=True)
class Storage:
    """Folders below one root: uploads in progress, datasets, models, forecasts, worker logs."""

    root: Path

    def prepare(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)  # tables are nobody else's
        for folder in (
            self.incoming,
            self.datasets,
            self.models,
            self.forecasts,
            self.logs,
            self.energy,
        ):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def incoming(self) -> Path:
        return self.root / "incoming"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def forecasts(self) -> Path:
        return self.root / "forecasts"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def energy(self) -> Path:
        """Where the meter of each machine shows the workers their shares."""
        return self.root / "energy"

    def dataset(self, dataset_id: str, version: int) -> Path:
        name = dataset_id if version == 1 else f"{dataset_id}.{version}"
        return _named(self.datasets, name)

    def attempt_model(self, job_id: str, attempt: int) -> Path:
        """The model an attempt writes. It counts only once a model row names it."""
        return _named(self.models, f"{job_id}-{attempt}")

    def forecast(self, forecast_id: str, attempt: int) -> Path:
        return _named(self.forecasts, f"{forecast_id}-{attempt}.parquet")

    def inline_table(self, forecast_id: str, role: str) -> Path:
        return _named(self.forecasts, f"{forecast_id}.{role}.json")

    def log(self, name: str) -> Path:
        return _named(self.logs, f"{name}.log")

    def discard_attempt(self, job_id: str, attempt: int) -> None:
        """Remove whatever an attempt without a result left behind."""
        for leftover in self.models.glob(f"{_named(self.models, job_id).name}-{attempt}*"):
            if leftover.name.removeprefix(f"{job_id}-").split(".")[0] == str(attempt):
                shutil.rmtree(leftover, ignore_errors=True)

    def discard_dataset(self, dataset_id: str) -> None:
        """Remove all versions of a dataset."""
        for file in (_named(self.datasets, dataset_id), *self.datasets.glob(f"{dataset_id}.*")):
            file.unlink(missing_ok=True)

    def discard_job(self, job_id: str) -> None:
        """Remove the models and the logs of all attempts."""
        for model in self.models.glob(f"{job_id}-*"):
            shutil.rmtree(model, ignore_errors=True)
        for log in self.logs.glob(f"{job_id}-*.log"):
            log.unlink(missing_ok=True)

    def discard_forecast(self, forecast_id: str) -> None:
        for leftover in self.forecasts.glob(f"{_named(self.forecasts, forecast_id).name}*"):
            leftover.unlink(missing_ok=True)
