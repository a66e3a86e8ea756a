"""The Python clients of the service."""

from app.client.asynchronous import AsyncClient
from app.client.errors import ClientError, NoModelError, ProblemError, UnreachableError
from app.client.service import DEFAULT_URL, Client
from app.client.tables import Table

__all__ = [
    "DEFAULT_URL",
    "AsyncClient",
    "Client",
    "ClientError",
    "NoModelError",
    "ProblemError",
    "Table",
    "UnreachableError",
]
