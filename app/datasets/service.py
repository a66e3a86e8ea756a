"""Takes tables in. A version of a dataset exists whole, inspected and hashed, or not at all."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.requests import Request

from app.accounts import quotas
from app.checks.sources import INLINE_MEDIA_TYPE, TableSource
from app.core import ids
from app.core.clock import now
from app.core.context import RequestContext
from app.core.database import ReadSession
from app.core.errors import ConflictError
from app.core.idempotency import Effect
from app.core.storage import Storage
from app.datasets import repository
from app.datasets.schemas import AuditCreate, Dataset, DatasetVersion
from app.datasets.tables import DatasetRow, DatasetVersionRow
from app.datasets.upload import ReceivedFile, receive, temporary
from app.forecasts import repository as forecasts
from app.jobs import repository as jobs

GROWN_MEDIA_TYPE = "application/vnd.apache.parquet"


async def create(
    context: RequestContext, request: Request, name: str | None, once: Effect
) -> DatasetRow:
    """Receive, inspect and keep an upload. Raises a 4xx error and leaves nothing otherwise."""
    dataset_id = ids.new("ds")
    await to_thread.run_sync(_check_room, context, request.headers.get("content-length", ""))
    with temporary(context.storage.incoming / dataset_id) as path:
        received = await receive(request, path, max_json=context.settings.max_json_bytes)
        await to_thread.run_sync(once.begin, received.fingerprint)
        return await context.with_checks(_keep, context, dataset_id, name, path, received, once)


def _check_room(context: RequestContext, declared: str, dataset_id: str | None = None) -> None:
    """Refuse what will not be kept before it is received."""
    with context.read() as session:
        if dataset_id is not None:
            repository.get(session, dataset_id)
        quotas.check_room(context, session, int(declared) if declared.isdigit() else 1)


def _keep(
    context: RequestContext,
    dataset_id: str,
    name: str | None,
    path: Path,
    received: ReceivedFile,
    once: Effect,
) -> DatasetRow:
    source = TableSource(path, received.media_type)
    found = context.checks.run("inspect", table=source.as_dict())
    about = {
        "created_at": now(),
        "media_type": received.media_type,
        "size_bytes": received.size_bytes,
        "sha256": received.sha256,
        "rows": found["rows"],
        "inspection": found["inspection"],
    }
    dataset = DatasetRow(id=dataset_id, name=name, version=1, **about)
    first = DatasetVersionRow(
        dataset_id=dataset_id, version=1, added=found["rows"], replaced=0, **about
    )
    kept = context.storage.dataset(dataset_id, 1)
    path.rename(kept)
    try:
        context.storage.publish(kept)
        with context.write() as session:
            quotas.one_at_a_time(context, session)
            quotas.check_room(context, session, received.size_bytes)
            repository.add(session, dataset)
            session.flush()
            repository.add(session, first)
            answer = Dataset.model_validate(dataset, from_attributes=True)
            once.keep(session, answer, status=201, location=f"/v1/datasets/{dataset_id}")
    except BaseException:
        context.storage.discard(kept)
        raise
    return dataset


def create_inline(
    context: RequestContext, columns: Mapping[str, list[Any]], once: Effect
) -> DatasetRow:
    """Keep columns that came inside a request as a dataset. Raises what `create` raises."""
    dataset_id = ids.new("ds")
    content = json.dumps({"columns": columns}).encode()
    with temporary(context.storage.incoming / dataset_id) as path:
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        received = ReceivedFile(INLINE_MEDIA_TYPE, len(content), digest)
        return _keep(context, dataset_id, None, path, received, once)


async def append(
    context: RequestContext,
    request: Request,
    dataset_id: str,
    available_at: str | None,
    once: Effect,
) -> DatasetVersionRow:
    """Receive rows and keep the grown table as the next version. Raises a 4xx error and leaves
    nothing otherwise."""
    declared = request.headers.get("content-length", "")
    await to_thread.run_sync(_check_room, context, declared, dataset_id)
    token = ids.new("rows")
    with (
        temporary(context.storage.incoming / token) as path,
        temporary(context.storage.incoming / f"{token}.grown") as grown,
    ):
        received = await receive(request, path, max_json=context.settings.max_json_bytes)
        return await context.with_checks(
            _grow, context, dataset_id, path, received, grown, available_at, once
        )


def _grow(
    context: RequestContext,
    dataset_id: str,
    path: Path,
    received: ReceivedFile,
    grown: Path,
    available_at: str | None,
    once: Effect,
) -> DatasetVersionRow:
    once.begin(received.fingerprint)
    rows = TableSource(path, received.media_type)
    with context.read() as session:
        base = repository.version(session, dataset_id, None)
        table = _source(context.storage, base)
    found = context.checks.run(
        "append",
        table=table.as_dict(),
        rows=rows.as_dict(),
        output=str(grown),
        available_at=available_at,
    )
    about = {
        "created_at": now(),
        "media_type": GROWN_MEDIA_TYPE,
        **{name: found[name] for name in ("size_bytes", "sha256", "rows", "inspection")},
    }
    row = DatasetVersionRow(
        dataset_id=dataset_id,
        version=base.version + 1,
        added=found["added"],
        replaced=found["replaced"],
        **about,
    )
    kept = context.storage.dataset(dataset_id, row.version)
    sent = context.storage.send(kept, grown)
    try:
        with context.write() as session:
            quotas.one_at_a_time(context, session)
            dataset = repository.hold(session, dataset_id)
            if dataset.version != base.version:
                raise ConflictError(
                    "Other rows were appended at the same time; append these again.",
                    headers={"Retry-After": "1"},
                )
            quotas.check_room(context, session, found["size_bytes"])
            _update(dataset, about, row.version)
            repository.add(session, row)
            session.flush()  # only the winner of two appends comes past this, and has its file kept
            answer = DatasetVersion.model_validate(row, from_attributes=True)
            once.keep(session, answer, status=201, location=f"/v1/datasets/{dataset_id}/versions")
            grown.rename(kept)
            context.storage.announce(kept, sent)
    except BaseException:
        if not grown.exists():
            context.storage.drop_copy(kept)  # another machine may make this version
        raise
    return row


def _update(dataset: DatasetRow, about: Mapping[str, Any], version: int) -> None:
    dataset.version = version
    for name, value in about.items():
        if name != "created_at":
            setattr(dataset, name, value)


def audit(context: RequestContext, dataset_id: str, request: AuditCreate) -> dict[str, Any]:
    """What a job with this config would find. Raises NotFoundError, InputError."""
    with context.read() as session:
        source = source_of(context.storage, session, dataset_id, request.version)
    return context.checks.audit(source, request.config)


def delete(context: RequestContext, dataset_id: str) -> None:
    """Forget a dataset and remove its files. Raises NotFoundError, ConflictError."""
    with context.write() as session:
        row = repository.hold(session, dataset_id)
        user = jobs.unfinished_on(session, dataset_id) or forecasts.unfinished_on(
            session, dataset_id
        )
        if user is not None:
            raise ConflictError(f"'{user}' still uses the dataset; cancel it or wait for its end.")
        repository.delete(session, row, now())
    context.storage.discard_dataset(dataset_id, row.version)


def source_of(
    storage: Storage, session: ReadSession, dataset_id: str, version: int | None
) -> TableSource:
    """Where a version of the dataset lies, the newest by default. Raises NotFoundError."""
    return _source(storage, repository.version(session, dataset_id, version))


def _source(storage: Storage, row: DatasetVersionRow) -> TableSource:
    path = storage.bring(storage.dataset(row.dataset_id, row.version))
    return TableSource(path, row.media_type)
