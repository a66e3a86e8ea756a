"""What every endpoint is given: the settings, the database and the table checks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request

from app.checks.pool import CheckPool
from app.core.database import Database
from app.core.storage import Storage
from app.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class AppContext:
    settings: Settings
    database: Database
    checks: CheckPool
    check_limiter: CapacityLimiter

    @property
    def storage(self) -> Storage:
        return self.settings.storage

    async def with_checks(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work that uses `checks` on a thread. Requests in excess of the check processes wait
        here, where waiting costs nothing, and leave the threads to requests that only read."""
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self.check_limiter)


def _context(request: Request) -> AppContext:
    context = request.app.state.context
    assert isinstance(context, AppContext)
    return context


Context = Annotated[AppContext, Depends(_context)]
