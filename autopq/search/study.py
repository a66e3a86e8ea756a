"""Optuna's studies, one a component: what was asked, what was told, and where that is kept.

A proposal depends on the seed, its number and the trials told before its round alone. So a search
that was cut off goes on as if it had not been, and never runs a finished trial again.
"""

import hashlib
import shutil
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from autopq import artifact
from autopq.errors import ArtifactError
from autopq.forecasters.base import Trial
from autopq.search.cost import Cost
from autopq.search.store import SearchStore, WarmStart
from autopq.search.trial_database import open_trial_database
from autopq.search.trials.base import TrialOutcome
from autopq.state import State

# Settings tried before TPE takes over from random draws.
_STARTUP_TRIALS = 5
# A trial is pruned where it is worse than the median of the completed ones, if there are so many.
_LEAST_TO_PRUNE = 4
_JOURNAL = "trials.journal"

Space = Callable[[Trial], dict[str, Any]]


def open_storage(store: SearchStore | None) -> BaseStorage:
    """Where Optuna keeps trials: in memory without a store."""
    if store is None:
        return InMemoryStorage()
    store.folder.mkdir(parents=True, exist_ok=True)
    if store.url is not None:
        return open_trial_database(store.url)
    journal = store.folder / _JOURNAL
    _mend(journal)
    return JournalStorage(JournalFileBackend(str(journal)))


@dataclass(frozen=True)
class Told:
    """A finished trial, as it is kept."""

    number: int
    score: float | None  # None where it failed or was pruned
    cost: Cost
    error: str | None
    source: str | None  # where the setting came from, if it was not proposed here


@dataclass
class Study:
    """The trials of one component. Numbers count from 0, names from 1."""

    component: str
    seed: int
    storage: BaseStorage = field(default_factory=InMemoryStorage)
    prefix: str = ""
    folder: Path | None = None
    best: Told | None = None
    state: State | None = None  # of the best; None where its file is gone, until it is run again

    def __post_init__(self) -> None:
        with _quiet():
            self._study = optuna.create_study(
                storage=self.storage,
                study_name=f"{self.prefix}{self.component}",
                direction="minimize",
                load_if_exists=True,
            )
        for trial in self._trials():
            if trial.state.is_finished():
                self._note(_told(trial))
        if self.best is not None:
            self._restore(self.best)

    def label(self, number: int) -> str:
        """What the trial is called outside."""
        return f"{self.component}#{number + 1}"

    def start_from(self, settings: Sequence[WarmStart], space: Space) -> None:
        """Try these settings first, each once, brought inside the space. Those that do not say all
        that the space asks for are left out. Without effect on a search that has begun."""
        if self._trials():
            return
        asked: list[dict[str, Any]] = []
        for setting in settings:
            known = _Known(setting.params)
            try:
                space(known)
            except LookupError:
                continue
            if known.used not in asked:
                asked.append(known.used)
                self._study.enqueue_trial(known.used, user_attrs={"source": setting.source})

    def told(self, number: int) -> Told | None:
        """A trial that an earlier run finished; None where it is still to be run. So is the best
        one when its state is lost."""
        trials = self._trials()
        if self._is_lost(number) or number >= len(trials):
            return None
        return _told(trials[number]) if trials[number].state.is_finished() else None

    def ask(self, number: int, space: Space) -> dict[str, Any]:
        """The parameters of a trial: new ones, or those that it was asked with before. Numbers
        are asked for in order."""
        with _quiet():
            trials = self._trials()
            if number < len(trials) and trials[number].state.is_finished():
                return space(optuna.trial.FixedTrial(trials[number].params))
            return space(self._asked(number))

    def source(self, number: int) -> str | None:
        """Where the setting is from, if it was not proposed here."""
        source: str | None = self._trials()[number].user_attrs.get("source")
        return source

    def ceilings(self, before: int) -> tuple[float, ...]:
        """What trials from number `before` on may not exceed, by step of their reports."""
        done = [t for t in self._trials()[:before] if t.state == TrialState.COMPLETE]
        if len(done) < _LEAST_TO_PRUNE:
            return ()
        curves = [[v for _, v in sorted(t.intermediate_values.items())] for t in done]
        steps = min(map(len, curves))
        return tuple(statistics.median(curve[k] for curve in curves) for k in range(steps))

    def tell(self, number: int, outcome: TrialOutcome, cost: Cost, error: str | None) -> None:
        """Keep what came of a trial, at once. The state of the best is on disk before the trial
        counts as finished."""
        if self._is_lost(number):
            if outcome.state is not None:
                self._keep(number, outcome.state)
                self.state = outcome.state
            return
        trial = self._asked(number)
        reported = self._trials()[number].intermediate_values
        for step, value in enumerate(outcome.values):
            if step not in reported:
                trial.report(value, step)
        trial.set_user_attr("seconds", cost.seconds)
        trial.set_user_attr("energy_mj", cost.energy_mj)
        if error is not None:
            trial.set_user_attr("error", error)
        score = None if error is not None else outcome.score
        told = Told(number, score, cost, error, self.source(number))
        better = self._is_better(told)
        if better and outcome.state is not None:
            self._keep(number, outcome.state)
        if score is not None:
            self._study.tell(trial, score)
        else:
            state = TrialState.PRUNED if outcome.pruned else TrialState.FAIL
            self._study.tell(trial, state=state)
        if better:
            previous, self.best, self.state = self.best, told, outcome.state
            if previous is not None and self.folder is not None:
                shutil.rmtree(self._folder_of(previous.number), ignore_errors=True)

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _asked(self, number: int) -> optuna.Trial:
        # A sampler of its own for each number: what is proposed does not hang on how many were
        # drawn from it in this process.
        seed = int(hashlib.sha256(f"{self.seed}/{number}".encode()).hexdigest()[:8], 16)
        self._study.sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=_STARTUP_TRIALS
        )
        trials = self._trials()
        if number < len(trials) and trials[number].state == TrialState.RUNNING:
            return optuna.Trial(self._study, trials[number]._trial_id)
        asked = self._study.ask()
        if asked.number != number:
            raise ValueError(f"trial {number} was asked for, {asked.number} comes next")
        return asked

    def _note(self, told: Told) -> None:
        if self._is_better(told):
            self.best = told

    def _is_better(self, told: Told) -> bool:
        if told.score is None or told.score != told.score:
            return False
        best = self.best
        # The earlier one where two are equal, in whichever order they ended.
        return best is None or (told.score, told.number) < (best.score, best.number)

    def _is_lost(self, number: int) -> bool:
        return self.best is not None and self.best.number == number and self.state is None

    def _folder_of(self, number: int) -> Path:
        assert self.folder is not None
        return self.folder / f"{self.component}-{number + 1}"

    def _keep(self, number: int, state: State) -> None:
        if self.folder is not None:
            shutil.rmtree(self._folder_of(number), ignore_errors=True)
            artifact.save(self._folder_of(number), {self.component: state}, {})

    def _restore(self, best: Told) -> None:
        """The best fit of an earlier run, where it can be read."""
        if self.folder is None:
            return
        with suppress(ArtifactError, KeyError):
            components, _ = artifact.load(self._folder_of(best.number))
            self.state = components[self.component]


class _Known:
    """Suggests what is known, brought inside what is asked for. Raises LookupError for the rest."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self.used: dict[str, Any] = {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        value = min(max(float(self._params[name]), low), high)
        self.used[name] = value
        return value

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        value = min(max(int(self._params[name]), low), high)
        self.used[name] = value
        return value

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        if self._params[name] not in choices:
            raise LookupError(name)
        self.used[name] = self._params[name]
        return self._params[name]


def _told(trial: FrozenTrial) -> Told:
    attributes = trial.user_attrs
    cost = Cost(attributes.get("seconds", 0.0), attributes.get("energy_mj", 0))
    score = trial.value if trial.state == TrialState.COMPLETE else None
    return Told(trial.number, score, cost, attributes.get("error"), attributes.get("source"))


def _mend(journal: Path) -> None:
    """Drop a last line that was cut off, and the lock of a writer that is gone: only the process
    that runs the search writes here, and an attempt begins once the one before has ended."""
    journal.with_name(journal.name + ".lock").unlink(missing_ok=True)
    if not journal.exists():
        return
    content = journal.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with journal.open("r+b") as file:
            file.truncate(whole)


@contextmanager
def _quiet() -> Iterator[None]:
    """The library never prints: Optuna's log lines are held back while it is asked."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
