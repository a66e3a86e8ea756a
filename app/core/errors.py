"""Errors as RFC 9457 problems: domain code raises, only this module knows how HTTP says it.

AppError
├── UnauthorizedError    401  no key, or one that is unknown, revoked or expired
├── ForbiddenError       403  the key lacks a scope, or a page elsewhere sent the request
├── QuotaError           403  the tenant has stored what it may
├── NotFoundError        404  no such thing
├── NotAcceptableError   406  no representation that is asked for is offered
├── ConflictError        409  the thing is not in a state that allows this
├── InvalidRequestError  422  the request says something unusable; names field, row and mend
├── TooLargeError        413  the body is above the configured limit
├── UnsupportedError     415  a media type that is not read
├── TooManyError         429  more requests, or more waiting work, than a tenant may have
└── UnavailableError     503  a part of the service is not there right now
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from autopq.errors import InputError

PROBLEM_MEDIA_TYPE = "application/problem+json"


class Finding(BaseModel):
    """One thing that is wrong with the input, and what to do about it."""

    field: str = Field(description="Column, setting or JSON member concerned.")
    row: int | None = Field(None, description="Data row, counted from 1, when one is to blame.")
    detail: str
    mend: str
    pointer: str | None = Field(None, description="JSON pointer into the request body.")


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["/problems/invalid-request"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[Finding] = Field(default_factory=list)


class AppError(Exception):
    """Base of every error the service raises on purpose."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        findings: Sequence[Finding] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.findings = list(findings)
        self.headers = dict(headers or {})

    def problem(self, instance: str | None = None) -> Problem:
        return Problem(
            type=f"/problems/{self.kind}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            errors=self.findings,
        )


class UnauthorizedError(AppError):
    status, kind, title = 401, "unauthorized", "A valid key is needed"


class ForbiddenError(AppError):
    status, kind, title = 403, "forbidden", "Not allowed"


class QuotaError(AppError):
    status, kind, title = 403, "quota-exceeded", "More than may be stored"


class NotFoundError(AppError):
    status, kind, title = 404, "not-found", "Not found"


class NotAcceptableError(AppError):
    status, kind, title = 406, "not-acceptable", "Representation not offered"


class ConflictError(AppError):
    status, kind, title = 409, "conflict", "Not possible in this state"


class InvalidRequestError(AppError):
    status, kind, title = 422, "invalid-request", "The request cannot be used"


class TooManyError(AppError):
    status, kind, title = 429, "too-many", "Too much at once"


class TooLargeError(AppError):
    status, kind, title = 413, "too-large", "The body is too large"


class UnsupportedError(AppError):
    status, kind, title = 415, "unsupported-media-type", "Media type not supported"


class UnavailableError(AppError):
    status, kind, title = 503, "unavailable", "Temporarily unavailable"


def invalid(field: str, detail: str, mend: str, *, row: int | None = None) -> InvalidRequestError:
    """A 422 with one finding."""
    finding = Finding(field=field, row=row, detail=detail, mend=mend)
    return InvalidRequestError(f"{field}: {detail}", findings=[finding])


def from_input_error(error: InputError) -> InvalidRequestError:
    """The library's verdict on the user's input, as a 422."""
    findings = [
        Finding(field=issue.field, row=issue.row, detail=issue.message, mend=issue.mend)
        for issue in error.issues
    ]
    first = findings[0]
    return InvalidRequestError(f"{first.field}: {first.detail}", findings=findings)


def body_of(problem: Problem) -> bytes:
    """The problem as JSON; absent members are left out."""
    # Escaped, because what a problem quotes from a request need not be encodable otherwise.
    return json.dumps(problem.model_dump(exclude_none=True)).encode()


def documented(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an endpoint that may raise these errors."""
    return {
        error.status: {
            "description": error.title,
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for error in errors
    }
