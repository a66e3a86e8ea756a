"""What can go wrong for a caller of the service.

ClientError
├── UnreachableError  nobody answers at the address
├── ProblemError        the service refused; carries its problem with field, row and mend
└── NoModelError            the job ended without a model; carries the job
"""

from http import HTTPStatus

import httpx
from pydantic import ValidationError

from app.core.errors import Finding, Problem
from app.jobs.schemas import Job


class ClientError(Exception):
    """Base of every error the client raises on purpose."""


class UnreachableError(ClientError):
    """Nobody answers at the address, or the connection broke."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no answer from {url}: {reason}")
        self.url = url


class ProblemError(ClientError):
    """The service refused the request."""

    def __init__(self, problem: Problem, response: httpx.Response) -> None:
        super().__init__("; ".join([problem.detail, *map(_sentence, problem.errors)]))
        self.problem = problem
        self.response = response

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def title(self) -> str:
        return self.problem.title

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def errors(self) -> list[Finding]:
        return self.problem.errors


class NoModelError(ClientError):
    """The job failed, was cancelled or has not ended, so there is no model."""

    def __init__(self, job: Job) -> None:
        reason = job.error.detail if job.error is not None else job.message
        super().__init__(f"job {job.id} {job.state}: {reason}".rstrip(": "))
        self.job = job


def problem_of(response: httpx.Response) -> Problem:
    """The problem in an error response; made up from the status where a proxy answered."""
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        try:
            title = HTTPStatus(response.status_code).phrase
        except ValueError:
            title = "Error"
        return Problem(
            type="about:blank",
            title=title,
            status=response.status_code,
            detail=f"{response.request.method} {response.request.url} gave {response.status_code}",
        )


def _sentence(finding: Finding) -> str:
    where = f"{finding.field} (row {finding.row})" if finding.row is not None else finding.field
    return f"{where}: {finding.detail} {finding.mend}"
