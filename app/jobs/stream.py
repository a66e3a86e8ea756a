"""A job's events as they come, for as long as somebody listens.

A stream looks at the database once in a while. That works across processes, and a reader that
comes back with the id of the last event it saw misses nothing.
"""

from collections.abc import AsyncIterator, Sequence

from fastapi.sse import ServerSentEvent

from app.core.context import RequestContext
from app.jobs import repository
from app.jobs.schemas import JobEvent
from app.jobs.states import TERMINAL
from app.jobs.tables import JobEventRow

DONE = "done"
_BATCH = 200
_LOOK_S = 0.5


async def follow(
    context: RequestContext, job_id: str, after: int
) -> AsyncIterator[ServerSentEvent]:
    """Events after the one with id `after`; the last is `done`, with the state it ended in."""
    while True:
        events, state = await context.streams.read(_look, context, job_id, after)
        for event in events:
            after = event.id
            yield _sent(event)
        if len(events) == _BATCH:
            continue
        if state is None or state in TERMINAL:
            yield ServerSentEvent(event=DONE, id=str(after), data={"state": state or "deleted"})
            return
        if not await context.streams.pause(_LOOK_S):
            return


def _look(
    context: RequestContext, job_id: str, after: int
) -> tuple[Sequence[JobEventRow], str | None]:
    """News of the job, and its state; None once it was deleted."""
    with context.read() as session:
        # The state first: an end that comes in between is then seen together with its event.
        state = repository.state(session, job_id)
        return repository.events(session, job_id, after=after, limit=_BATCH), state


def _sent(row: JobEventRow) -> ServerSentEvent:
    event = JobEvent.model_validate(row, from_attributes=True)
    return ServerSentEvent(event=row.kind, id=str(row.id), data=event)
