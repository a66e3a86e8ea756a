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
)
from app.core.idempotency import OnceStreamed
from app.core.pagination import Cursor, Limit, Page, decode_cursor, encode_cursor, split_page
from app.core.representation import CONDITIONAL, Fields, representation
from app.datasets import repository, service
from app.datasets.schemas import Dataset
from app.datasets.tables import DatasetRow

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])

_TABLE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "timestamp,target,temperature\n2026-01-01T00:00Z,41.2,3.5\n",
            },
            "application/vnd.apache.parquet": _TABLE,
            "application/vnd.apache.arrow.stream": _TABLE,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": _TABLE["schema"]},
                }
            },
        },
    }
}


@router.post(
    "",
    status_code=201,
    operation_id="create_dataset",
    responses=documented(ConflictError, TooLargeError, UnsupportedError, InvalidRequestError),
    openapi_extra=_UPLOAD_BODY,
)
async def create_dataset(
    request: Request, response: Response, context: Context, once: OnceStreamed
) -> Dataset:
    """Upload a long table (series, time, target, covariates). It is inspected before it is kept."""
    row = await service.create(context, request, once)
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
    sha256: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="Hash of the uploaded bytes.")
    ] = None,
    fields: Fields = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """Datasets, newest first; those of some content if asked."""
    after = decode_cursor(cursor)
    with context.read() as session:
        found = repository.newest(session, limit=limit + 1, after=after, sha256=sha256)
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
    """One dataset with its inspection."""
    with context.read() as session:
        dataset = _dataset(repository.get(session, dataset_id))
    return representation(request, dataset, fields)


def _dataset(row: DatasetRow) -> Dataset:
    return Dataset.model_validate(row, from_attributes=True)
