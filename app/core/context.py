"""What every endpoint is given: the settings, the database and the table checks."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.checks.pool import CheckPool
from app.core.database import Database
from app.core.storage import Storage
from app.settings import Settings


@dataclass(frozen=True)
class AppContext:
    settings: Settings
    database: Database
    checks: CheckPool

    @property
    def storage(self) -> Storage:
        return self.settings.storage


def _context(request: Request) -> AppContext:
    context = request.app.state.context
    assert isinstance(context, AppContext)
    return context


Context = Annotated[AppContext, Depends(_context)]
