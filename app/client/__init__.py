"""The Python client of the service."""

from app.client.errors import ClientError, NoModelError, ProblemError, UnreachableError
from app.client.service import DEFAULT_URL, Client
from app.client.tables import Table

__all__ = [
    "DEFAULT_URL",
    "Client",
    "ClientError",
    "NoModelError",
    "ProblemError",
    "Table",
    "UnreachableError",
]
