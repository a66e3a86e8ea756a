"""`/v1/jobs/{id}/backtest`."""

from fastapi import APIRouter, Request, Response
from pydantic_core import to_json

from app.backtests import service
from app.backtests.repository import Part
from app.backtests.schemas import BacktestReport, BacktestTable
from app.core.context import Context, RequestContext
from app.core.errors import (
    ConflictError,
    InvalidRequestError,
    NotAcceptableError,
    NotFoundError,
    documented,
)
from app.core.representation import (
    CONDITIONAL,
    Fields,
    is_known,
    not_modified,
    representation,
    tag_of,
)
from app.forecasts import export
from app.forecasts.negotiation import Accept, AskedFormat, Format, chosen_format, file_of, rendered

router = APIRouter(prefix="/v1/jobs/{job_id}/backtest", tags=["backtests"])

_ERRORS = CONDITIONAL | documented(NotFoundError, ConflictError, InvalidRequestError)
_TABLE = rendered(BacktestTable) | _ERRORS | documented(NotAcceptableError)


@router.get("", operation_id="get_backtest", response_model=BacktestReport, responses=_ERRORS)
def get_backtest(
    request: Request, job_id: str, context: Context, fields: Fields = None
) -> Response:
    """How the job's model forecast the rows held out from rolling origins: scores over all
    windows and by step ahead, reliability and PIT."""
    return representation(request, service.report(context, job_id), fields)


@router.get(
    "/windows",
    operation_id="get_backtest_windows",
    response_model=None,
    responses=_TABLE,
)
def get_backtest_windows(
    request: Request,
    job_id: str,
    context: Context,
    asked: AskedFormat = None,
    accept: Accept = "*/*",
) -> Response:
    """Every window's scores: `item_id`, `origin`, `start` (its first step), `known_steps`."""
    return _answer(request, context, job_id, "windows", chosen_format(asked, accept))


@router.get(
    "/series",
    operation_id="get_backtest_series",
    response_model=None,
    responses=_TABLE,
)
def get_backtest_series(
    request: Request,
    job_id: str,
    context: Context,
    asked: AskedFormat = None,
    accept: Accept = "*/*",
) -> Response:
    """Every series' scores over its windows."""
    return _answer(request, context, job_id, "series", chosen_format(asked, accept))


@router.get(
    "/forecasts",
    operation_id="get_backtest_forecasts",
    response_model=None,
    responses=_TABLE,
)
def get_backtest_forecasts(
    request: Request,
    job_id: str,
    context: Context,
    asked: AskedFormat = None,
    accept: Accept = "*/*",
) -> Response:
    """The forecasts themselves beside what came: `item_id`, `origin`, `timestamp`, `target` and a
    column for each of the job's quantile levels."""
    return _answer(request, context, job_id, "forecasts", chosen_format(asked, accept))


def _answer(
    request: Request, context: RequestContext, job_id: str, part: Part, form: Format
) -> Response:
    table = service.table(context, job_id, part)
    tag = tag_of(job_id, part, form)  # a finished backtest never changes
    if is_known(request, tag):
        return not_modified(tag)
    if form == "json":
        content = to_json({"job_id": job_id, "columns": export.columns(table)})
    else:
        content = export.WRITERS[form](table)
    return file_of(content, form, f"{job_id}-backtest-{part}", tag)
