"""`/v1/models`."""

import base64
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.core.context import Context
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    documented,
)
from app.core.pagination import Cursor, Limit, Page, decode_cursor, encode_cursor, split_page
from app.core.representation import CONDITIONAL, Fields, is_known, not_modified, representation
from app.models import repository, service
from app.models.monitoring import monitor
from app.models.schemas import (
    Model,
    ModelImportance,
    Monitoring,
    MonitoringCreate,
    Promotion,
)
from app.models.service import Archive

router = APIRouter(prefix="/v1/models", tags=["models"])

ZIP_TYPE = "application/zip"
_CHUNK = 2**18

ModelReference = Annotated[
    str,
    Path(
        description="A model's id, or `name@alias`, `name@version` or `name@latest`.",
        examples=["load-site-7@production"],
    ),
]
_ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The model's files: safetensors and JSON",
        "content": {ZIP_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            "Repr-Digest": {
                "description": "SHA-256 of the archive (RFC 9530)",
                "schema": {"type": "string"},
            }
        },
    }
}


@router.get(
    "",
    operation_id="list_models",
    response_model=Page[Model],
    responses=CONDITIONAL | documented(InvalidRequestError),
)
def list_models(
    request: Request,
    context: Context,
    name: Annotated[str | None, Query(max_length=64)] = None,
    alias: Annotated[str | None, Query(max_length=32)] = None,
    dataset_id: Annotated[str | None, Query(max_length=64)] = None,
    fields: Fields = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """Models, newest first; those of a name, an alias or a dataset if asked."""
    after = decode_cursor(cursor)
    with context.read() as session:
        found = repository.newest(
            session, limit=limit + 1, after=after, name=name, alias=alias, dataset_id=dataset_id
        )
        rows, more = split_page(found, limit)
        items = service.views(session, rows)
    page = Page[Model](items=items, next_cursor=encode_cursor(rows[-1].id) if more else None)
    return representation(request, page, fields)


@router.get(
    "/{model_id}",
    operation_id="get_model",
    response_model=Model,
    responses=CONDITIONAL | documented(NotFoundError, InvalidRequestError),
)
def get_model(
    request: Request, model_id: ModelReference, context: Context, fields: Fields = None
) -> Response:
    """One fitted model."""
    with context.read() as session:
        model = service.views(session, [repository.get(session, model_id)])[0]
    return representation(request, model, fields)


@router.delete(
    "/{model_id}",
    status_code=204,
    operation_id="delete_model",
    responses=documented(NotFoundError, ConflictError),
)
def delete_model(model_id: ModelReference, context: Context) -> None:
    """Remove a model, its files and its aliases. Its forecasts stay."""
    service.delete(context, model_id)


@router.get(
    "/{model_id}/versions",
    operation_id="list_model_versions",
    response_model=Page[Model],
    responses=CONDITIONAL | documented(NotFoundError, InvalidRequestError),
)
def list_model_versions(
    request: Request,
    model_id: ModelReference,
    context: Context,
    fields: Fields = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """All models of this one's name, the newest first."""
    after = decode_cursor(cursor)
    with context.read() as session:
        name = repository.get(session, model_id).name
        found = repository.newest(session, limit=limit + 1, after=after, name=name)
        rows, more = split_page(found, limit)
        items = service.views(session, rows)
    page = Page[Model](items=items, next_cursor=encode_cursor(rows[-1].id) if more else None)
    return representation(request, page, fields)


@router.post(
    "/{model_id}/promote",
    operation_id="promote_model",
    responses=documented(NotFoundError, TooLargeError, InvalidRequestError),
)
def promote_model(model_id: ModelReference, request: Promotion, context: Context) -> Model:
    """Let an alias of the model's name stand for this version: `name@alias` then means it wherever
    a model's id may stand."""
    return service.promote(context, model_id, request.alias)


@router.get(
    "/{model_id}/download",
    operation_id="download_model",
    response_model=None,
    responses=_ARCHIVE | CONDITIONAL | documented(NotFoundError),
)
def download_model(request: Request, model_id: ModelReference, context: Context) -> Response:
    """The model as one ZIP of safetensors and JSON, which `autopq.FittedModel.load` reads once it
    is unpacked."""
    archive = service.archive(context, model_id)
    tag = f'"{archive.sha256.hex()}"'
    if is_known(request, tag):
        archive.file.close()
        return not_modified(tag)
    name = model_id.replace("@", "-")
    return StreamingResponse(
        _pieces(archive),
        media_type=ZIP_TYPE,
        headers={
            "ETag": tag,
            "Content-Length": str(archive.size_bytes),
            "Content-Disposition": f'attachment; filename="{name}.zip"',
            "Repr-Digest": f"sha-256=:{base64.b64encode(archive.sha256).decode()}:",
        },
    )


@router.get(
    "/{model_id}/importance",
    operation_id="get_importance",
    responses=documented(NotFoundError),
)
def get_importance(model_id: ModelReference, context: Context) -> ModelImportance:
    """Which inputs the model stands on: the history, the calendar, and each covariate."""
    with context.read() as session:
        row = repository.get(session, model_id)
        # Models of earlier versions have a summary without details.
        groups = row.summary.get("details", {}).get("importance", [])
    return ModelImportance.model_validate({"model_id": row.id, "groups": groups})


@router.get(
    "/{model_id}/monitoring",
    operation_id="get_monitoring",
    responses=documented(NotFoundError, InvalidRequestError),
)
async def get_monitoring(model_id: ModelReference, context: Context) -> Monitoring:
    """Coverage and loss of past forecasts, week by week, against the actuals that were appended to
    the model's dataset since, and whether they drift."""
    return await context.with_checks(monitor, context, model_id, None)


@router.post(
    "/{model_id}/monitoring",
    operation_id="monitor_model",
    responses=documented(NotFoundError, TooLargeError, InvalidRequestError),
)
async def monitor_model(
    model_id: ModelReference, request: MonitoringCreate, context: Context
) -> Monitoring:
    """The same against actuals that are sent, or against another dataset. Nothing is kept."""
    return await context.with_checks(monitor, context, model_id, request.actuals)


def _pieces(archive: Archive) -> Iterator[bytes]:
    with archive.file as file:
        while piece := file.read(_CHUNK):
            yield piece
