"""Turns whatever an endpoint raises into a problem, without leaking what went wrong inside."""

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from app.core.artefacts import StoreUnavailableError
from app.core.database import passes
from app.core.errors import (
    PROBLEM_MEDIA_TYPE,
    AppError,
    Finding,
    InvalidRequestError,
    Problem,
    UnavailableError,
    body_of,
    from_input_error,
    invalid,
)
from app.core.idempotency import AnsweredBeforeError, answer_again
from autopq.errors import InputError

log = structlog.get_logger(__name__)

_MENDS = {
    "missing": "Add it.",
    "extra_forbidden": "Remove it, or check its spelling.",
    "greater_than": "Give a value greater than {gt}.",
    "greater_than_equal": "Give a value of at least {ge}.",
    "less_than": "Give a value less than {lt}.",
    "less_than_equal": "Give a value of at most {le}.",
    "too_short": "Give at least {min_length}.",
    "too_long": "Give at most {max_length}.",
    "literal_error": "Use one of {expected}.",
    "enum": "Use one of {expected}.",
    "json_invalid": "Send valid JSON.",
}
_UNPARSED = "There was an error parsing the body"  # FastAPI's, of bytes that are no text
_DEFAULT_MEND = "Correct it as the API description says."


def install(app: FastAPI) -> None:
    app.add_exception_handler(AppError, _on_app_error)
    app.add_exception_handler(AnsweredBeforeError, answer_again)
    app.add_exception_handler(InputError, _on_input_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(DataError, _on_data_error)


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(
        body_of(problem),
        status_code=problem.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=headers,
    )


def findings_of(errors: Sequence[Any], *, root: Sequence[str] = ()) -> list[Finding]:
    """Pydantic's errors as findings; `root` is where the validated value sits in the body."""
    return [_finding(error, root) for error in errors]


def _finding(error: dict[str, Any], root: Sequence[str]) -> Finding:
    where = [str(part) for part in (*root, *error.get("loc", ()))]
    in_body = where[:1] == ["body"]
    path = where[1:] if where[:1] and where[0] in {"body", "query", "path", "header"} else where
    mend = _MENDS.get(error["type"], _DEFAULT_MEND)
    if error["type"] == "value_error":
        mend = "Change one of the two settings." if not path else _DEFAULT_MEND
    return Finding(
        field=".".join(path) or "body",
        detail=f"{error['msg'].removeprefix('Value error, ')}.".replace("..", "."),
        mend=mend.format(**error.get("ctx", {})),
        pointer="/" + "/".join(path) if in_body and path else None,
    )


async def _on_app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    return problem_response(error.problem(request.url.path), error.headers)


async def _on_input_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, InputError)
    return problem_response(from_input_error(error).problem(request.url.path))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    findings = findings_of(error.errors())
    first = findings[0]
    invalid = InvalidRequestError(f"{first.field}: {first.detail}", findings=findings)
    return problem_response(invalid.problem(request.url.path))


async def _on_data_error(request: Request, error: Exception) -> Response:
    """PostgreSQL stores less than JSON can say, and tells only when it is asked to."""
    log.warning("the database refused a value", path=request.url.path, error=str(error))
    unusable = invalid(
        "request",
        "it has a NUL character, or a number or text too large for where it belongs.",
        "Leave NUL characters out, and use smaller numbers and shorter texts.",
    )
    return problem_response(unusable.problem(request.url.path))


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400 and error.detail == _UNPARSED:
        unusable = invalid("body", "cannot be read as JSON in UTF-8.", "Send valid JSON.")
        return problem_response(unusable.problem(request.url.path))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # The router knows the methods of the first route of this path only.
        headers["Allow"] = ", ".join(sorted(_methods_of(request)))
    problem = Problem(
        type=f"/problems/http-{error.status_code}",
        title=error.detail,
        status=error.status_code,
        detail=error.detail,
        instance=request.url.path,
    )
    return problem_response(problem, headers)


def _methods_of(request: Request) -> set[str]:
    return {
        method
        for route in iter_route_contexts(request.app.routes)
        if route.path and compile_path(route.path)[0].match(request.scope["path"])
        for method in route.methods or ()
    }


def unexpected(path: str, error: Exception) -> Response:
    """The answer to an error that nobody foresaw, and its line in the log."""
    log.error("request failed", path=path, exc_info=error)
    told: AppError = AppError("Something went wrong inside the service; its log says what.")
    if passes(error):
        told = UnavailableError("The database does not answer.", headers={"Retry-After": "2"})
    if isinstance(error, StoreUnavailableError):
        told = UnavailableError("The store of files does not answer.", headers={"Retry-After": "2"})
    return problem_response(told.problem(path), told.headers)
