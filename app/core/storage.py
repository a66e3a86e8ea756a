"""Where files lie. Every name is made by the service; nothing a user sends becomes a path."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.core.artefacts import ArtefactError, ArtefactStore

log = structlog.get_logger(__name__)

INLINE_ROLES = ("history", "future")  # of tables that come with a forecast's request
_JOB_LOG = re.compile(r"(job_\w+)-\d+\.log")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _named(folder: Path, name: str) -> Path:
    """A file right in the folder. Names are ids that the service made; should another ever come
    this far, it must not become a path."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a file of the service")
    return folder / name


@dataclass(frozen=True)
class Storage:
    """Folders below one root: uploads in progress, datasets, models, forecasts, searches under way,
    worker logs."""

    root: Path
    # Where other machines find the files; None where they look into the same folder.
    shared: ArtefactStore | None = None

    def prepare(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)  # tables are nobody else's
        for folder in (
            self.incoming,
            self.datasets,
            self.models,
            self.forecasts,
            self.searches,
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
    def searches(self) -> Path:
        """What jobs have tried so far, for the next attempt."""
        return self.root / "searches"

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

    def search(self, job_id: str) -> Path:
        return _named(self.searches, job_id)

    def forecast(self, forecast_id: str, attempt: int) -> Path:
        return _named(self.forecasts, f"{forecast_id}-{attempt}.parquet")

    def inline_table(self, forecast_id: str, role: str) -> Path:
        return _named(self.forecasts, f"{forecast_id}.{role}.json")

    def log(self, name: str) -> Path:
        return _named(self.logs, f"{name}.log")

    def job_of_log(self, path: Path) -> str | None:
        """The job whose attempt writes this log; None for other workers' logs."""
        found = _JOB_LOG.fullmatch(path.name)
        return None if found is None else found[1]

    def publish(self, path: Path) -> None:
        """To be called once a file or a model is written and before a row names it: from then on
        every machine can `bring` it. Raises ArtefactError."""
        self.announce(path, self.send(path, path))

    def send(self, path: Path, source: Path) -> bytes:
        """The long part of `publish` for a file that lies at `source` and is to become `path`, so
        that no transaction lasts as long as an upload. Gives what `announce` asks for. Raises
        ArtefactError."""
        return b"" if self.shared is None else self.shared.send(self._name(path), source)

    def announce(self, path: Path, sent: bytes) -> None:
        """The short part of `publish`. Raises ArtefactError."""
        if self.shared is not None:
            self.shared.complete(self._name(path), sent)

    def drop_copy(self, path: Path) -> None:
        """Remove a file here, if other machines do not look into the same folder: it may become
        another one than theirs."""
        if self.shared is not None:
            path.unlink(missing_ok=True)

    def bring(self, path: Path) -> Path:
        """The path, after what it stands for was fetched if this machine does not have it yet.
        Raises ArtefactError."""
        if self.shared is not None and not path.exists():
            self.shared.fetch(self._name(path), path)
        return path

    def discard(self, path: Path) -> None:
        """Remove a file or a model, here and where other machines find it. What a store that does
        not answer keeps is left to the sweep."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        self._discard_shared(path)

    def _discard_shared(self, path: Path) -> None:
        if self.shared is None:
            return
        try:
            self.shared.delete(self._name(path))
        except ArtefactError as error:
            log.warning("a file stays in the store for now", name=path.name, error=str(error))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def discard_attempt(self, job_id: str, attempt: int) -> None:
        """Remove whatever an attempt without a result left behind."""
        for leftover in self.models.glob(f"{_named(self.models, job_id).name}-{attempt}*"):
            if leftover.name.removeprefix(f"{job_id}-").split(".")[0] == str(attempt):
                shutil.rmtree(leftover, ignore_errors=True)
        self._discard_shared(self.attempt_model(job_id, attempt))

    def discard_dataset(self, dataset_id: str, versions: int) -> None:
        """Remove all versions of a dataset."""
        for version in range(1, versions + 1):
            self.discard(self.dataset(dataset_id, version))

    def discard_job(self, job_id: str, attempts: int) -> None:
        """Remove the search, and the models and the logs of all attempts."""
        self.discard_search(job_id)
        for attempt in range(1, attempts + 1):
            self.discard_attempt(job_id, attempt)
        for log in self.logs.glob(f"{job_id}-*.log"):
            log.unlink(missing_ok=True)

    def discard_search(self, job_id: str) -> None:
        shutil.rmtree(self.search(job_id), ignore_errors=True)

    def discard_forecast(self, forecast_id: str, attempts: int) -> None:
        """Remove its tables and the results of all attempts."""
        results = [self.forecast(forecast_id, number) for number in range(1, attempts + 1)]
        tables = [self.inline_table(forecast_id, role) for role in INLINE_ROLES]
        for file in (*results, *tables):
            self.discard(file)
