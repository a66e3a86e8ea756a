"""States of jobs, attempts and forecasts, and the retry rule's one number."""

from collections.abc import Sequence
from typing import Literal, get_args

JobState = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]
AttemptState = Literal[
    "starting",  # the process is being launched
    "running",  # the process reported itself
    "succeeded",
    "failed",  # the process said why it has no result
    "lost",  # the process ended without a word
    "interrupted",  # the service stopped or died under it: not its fault
    "cancelled",
]
EventKind = Literal["state", "phase", "progress", "trial"]

JOB_STATES: tuple[JobState, ...] = get_args(JobState)
ATTEMPT_STATES: tuple[AttemptState, ...] = get_args(AttemptState)
EVENT_KINDS: tuple[EventKind, ...] = get_args(EventKind)
AT_WORK: tuple[JobState, ...] = ("running", "cancelling")
TERMINAL: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})

MAX_CRASHES = 2  # a crash is retried once; the second one fails the job
# A job under which the service itself dies again and again (out of memory, say) must end too.
MAX_ATTEMPTS = 10


def one_of(column: str, values: Sequence[str]) -> str:
    """SQL condition of a CHECK constraint."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
