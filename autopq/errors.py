"""Errors of the library. Every one says what was wrong and how to mend it.

AutoPQError
├── InputError      the user's table or task is unusable; carries one `Issue` per finding
├── ArtifactError   a saved model or forecast is damaged or from an unknown version
├── DeviceFullError the device's memory does not hold a training
├── Pruned          a trial fell behind others and need not go on; not a failure
└── Stopped         the observer asked to stop; not a failure
"""

from collections.abc import Sequence
from dataclasses import dataclass


class AutoPQError(Exception):
    """Base of every error this library raises on purpose."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding in the user's input.

    `field` names a column or a setting, `row` counts data rows from 1 (the header is row 0),
    `mend` says what to do about it.
    """

    field: str
    message: str
    mend: str
    row: int | None = None

    def __str__(self) -> str:
        where = f"{self.field} (row {self.row})" if self.row is not None else self.field
        return f"{where}: {self.message} {self.mend}"


class InputError(AutoPQError):
    """The input cannot be used. `issues` lists every finding, the most important first."""

    def __init__(self, issues: Issue | Sequence[Issue]) -> None:
        self.issues = (issues,) if isinstance(issues, Issue) else tuple(issues)
        super().__init__("; ".join(str(issue) for issue in self.issues))


class ArtifactError(AutoPQError):
    """A stored model or forecast cannot be trusted or read."""


class DeviceFullError(AutoPQError):
    """The device's memory does not hold a training, even in smaller batches."""


class Stopped(AutoPQError):
    """The observer asked to stop. Raised between trials and between epochs."""


class Pruned(AutoPQError):
    """A trial's intermediate value is worse than what others had at the same point."""
