"""`/v1/datasets`."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.core.context import Context
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    UnsupportedError,
    documented,
    invalid,
)
from app.core.idempotency import OnceStreamed
from app.core.pagination import Cursor, Limit, Page, decode_cursor, encode_cursor, split_page
from app.core.representation import CONDITIONAL, Fields, representation
from app.datasets import repository, service
from app.datasets.schemas import MAX_NAME, AuditCreate, Dataset, DatasetVersion, Version
from app.datasets.tables import DatasetRow
from app.jobs.results import Audit

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_TABLE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "timestamp,target,temperature\n2026-01-01T00:00Z,41.2,3.5\n",
            },
            "application/vnd.apache.parquet": _FILE,
            "application/vnd.apache.arrow.stream": _FILE,
            "application/json": {"schema": {"$ref": "#/components/schemas/InlineTable"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": _FILE["schema"]},
                }
            },
        },
    }
}

Name = Annotated[
    str | None, Query(min_length=1, max_length=MAX_NAME, description="What its owner calls it.")
]


@router.post(
    "",
    status_code=201,
    operation_id="create_dataset",
    responses=documented(ConflictError, TooLargeError, UnsupportedError, InvalidRequestError),
    openapi_extra=_TABLE_BODY,
)
async def create_dataset(
    request: Request,
    response: Response,
    context: Context,
    once: OnceStreamed,
    name: Name = None,
) -> Dataset:
    """Upload a long table (series, time, target, covariates). It is inspected before it is kept."""
    row = await service.create(context, request, name, once)
    response.headers["Location"] = f"/v1/datasets/{row.id}"
    return _dataset(row)


@router.get(
    "",
    operation_id="list_datasets",
    response_model=Page[Dataset],
    responses=CONDITIONAL | documented(InvalidRequestError),
)
def list_datasets(
    request: Request,
    context: Context,
    name: Name = None,
    sha256: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="Hash of the newest version.")
    ] = None,
    fields: Fields = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """Datasets, newest first; those of a name or content if asked."""
    after = decode_cursor(cursor)
    with context.read() as session:
        found = repository.newest(session, limit=limit + 1, after=after, name=name, sha256=sha256)
    rows, more = split_page(found, limit)
    page = Page[Dataset](
        items=[_dataset(row) for row in rows],
        next_cursor=encode_cursor(rows[-1].id) if more else None,
    )
    return representation(request, page, fields)


@router.get(
    "/{dataset_id}",
    operation_id="get_dataset",
    response_model=Dataset,
    responses=CONDITIONAL | documented(NotFoundError, InvalidRequestError),
)
def get_dataset(
    request: Request, dataset_id: str, context: Context, fields: Fields = None
) -> Response:
    """One dataset, as of its newest version, with its inspection."""
    with context.read() as session:
        dataset = _dataset(repository.get(session, dataset_id))
    return representation(request, dataset, fields)


@router.delete(
    "/{dataset_id}",
    status_code=204,
    operation_id="delete_dataset",
    responses=documented(NotFoundError, ConflictError),
)
def delete_dataset(dataset_id: str, context: Context) -> None:
    """Remove a dataset and its files. Models fitted on it stay."""
    service.delete(context, dataset_id)


@router.post(
    "/{dataset_id}/rows",
    status_code=201,
    operation_id="append_rows",
    responses=documented(
        NotFoundError, ConflictError, TooLargeError, UnsupportedError, InvalidRequestError
    ),
    openapi_extra=_TABLE_BODY,
)
async def append_rows(
    dataset_id: str,
    request: Request,
    response: Response,
    context: Context,
    once: OnceStreamed,
    available_at: Annotated[
        str | None,
        Query(
            max_length=200,
            description="Column that tells vintages of one stamp apart, where the dataset has "
            "several rows a stamp.",
        ),
    ] = None,
) -> DatasetVersion:
    """Add rows that arrived since, which makes a new version.

    A row whose series and stamp are there already fills that row in or corrects it; all others
    must follow the last one of their series. With `available_at`, a new vintage of a stamp is a row
    of its own, and a row that leaves that column empty fills in all vintages of its stamp.
    """
    row = await service.append(context, request, dataset_id, available_at, once)
    response.headers["Location"] = f"/v1/datasets/{dataset_id}/versions"
    return DatasetVersion.model_validate(row, from_attributes=True)


@router.get(
    "/{dataset_id}/versions",
    operation_id="list_dataset_versions",
    response_model=Page[DatasetVersion],
    responses=CONDITIONAL | documented(NotFoundError, InvalidRequestError),
)
def list_dataset_versions(
    request: Request,
    dataset_id: str,
    context: Context,
    version: Annotated[Version | None, Query(description="This one alone.")] = None,
    fields: Fields = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """Versions of a dataset, the newest first. Jobs and forecasts may name one."""
    before = _version_of(decode_cursor(cursor))
    with context.read() as session:
        repository.get(session, dataset_id)
        if version is None:
            found = repository.versions(session, dataset_id, limit=limit + 1, before=before)
        else:
            found = [repository.version(session, dataset_id, version)]
    rows, more = split_page(found, limit)
    page = Page[DatasetVersion](
        items=[DatasetVersion.model_validate(row, from_attributes=True) for row in rows],
        next_cursor=encode_cursor(str(rows[-1].version)) if more else None,
    )
    return representation(request, page, fields)


@router.post(
    "/{dataset_id}/audit",
    operation_id="audit_dataset",
    responses=documented(NotFoundError, TooLargeError, InvalidRequestError),
)
async def audit_dataset(dataset_id: str, request: AuditCreate, context: Context) -> Audit:
    """Audit a dataset under a config, as a job would before it starts."""
    found = await context.with_checks(service.audit, context, dataset_id, request)
    return Audit.model_validate(found)


def _version_of(cursor: str | None) -> int | None:
    if cursor is not None and not (cursor.isdigit() and len(cursor) < 10):
        raise invalid("cursor", "this is no cursor of versions.", "Use `next_cursor` as it came.")
    return None if cursor is None else int(cursor)


def _dataset(row: DatasetRow) -> Dataset:
    return Dataset.model_validate(row, from_attributes=True)
