"""Takes tables in. A dataset exists whole, inspected and hashed, or not at all."""

from anyio import to_thread
from starlette.requests import Request

from app.accounts import quotas
from app.checks.sources import TableSource
from app.core import ids
from app.core.clock import now
from app.core.context import RequestContext
from app.core.database import ReadSession
from app.core.idempotency import Effect
from app.datasets import repository
from app.datasets.schemas import Dataset
from app.datasets.tables import DatasetRow
from app.datasets.upload import ReceivedFile, receive, temporary


async def create(context: RequestContext, request: Request, once: Effect) -> DatasetRow:
    """Receive, inspect and keep an upload. Raises a 4xx error and leaves nothing otherwise."""
    dataset_id = ids.new("ds")
    await to_thread.run_sync(_check_room, context, request.headers.get("content-length", ""))
    with temporary(context.storage.incoming / dataset_id) as path:
        received = await receive(request, path)
        return await context.with_checks(_keep, context, dataset_id, received, once)


def _check_room(context: RequestContext, declared: str) -> None:
    """Refuse what will not be kept before it is received."""
    with context.read() as session:
        quotas.check_room(context, session, int(declared) if declared.isdigit() else 1)


def _keep(
    context: RequestContext, dataset_id: str, received: ReceivedFile, once: Effect
) -> DatasetRow:
    once.begin(f"{received.media_type} {received.sha256}".encode())
    incoming = context.storage.incoming / dataset_id
    source = TableSource(incoming, received.media_type)
    found = context.checks.run("inspect", table=source.as_dict())
    row = DatasetRow(
        id=dataset_id,
        created_at=now(),
        media_type=received.media_type,
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        rows=found["rows"],
        inspection=found["inspection"],
    )
    kept = context.storage.dataset(dataset_id)
    incoming.rename(kept)
    try:
        with context.write() as session:
            quotas.check_room(context, session, row.size_bytes)
            repository.add(session, row)
            dataset = Dataset.model_validate(row, from_attributes=True)
            once.keep(session, dataset, status=201, location=f"/v1/datasets/{row.id}")
    except BaseException:
        kept.unlink(missing_ok=True)
        raise
    return row


def source_of(context: RequestContext, session: ReadSession, dataset_id: str) -> TableSource:
    """Where the dataset's table lies. Raises NotFoundError."""
    row = repository.get(session, dataset_id)
    return TableSource(context.storage.dataset(row.id), row.media_type)
