"""`/healthz` and `/readyz`."""

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app.core import migrations
from app.core.context import System
from app.core.errors import UnavailableError, documented
from app.engine.lease import is_supervised

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str = "ok"


@router.get("/healthz", operation_id="healthz")
def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", operation_id="readyz", responses=documented(UnavailableError))
def readyz(system: System) -> Health:
    """The database answers with the newest schema, and somebody supervises jobs."""
    try:
        with system.database.read() as session:
            if not migrations.at_head(session.connection()):
                raise UnavailableError("The database needs a migration.")
            if not is_supervised(session):
                raise UnavailableError("No supervisor is at work.", headers={"Retry-After": "1"})
    except SQLAlchemyError as error:
        raise UnavailableError(
            "The database does not answer.", headers={"Retry-After": "1"}
        ) from error
    return Health()
