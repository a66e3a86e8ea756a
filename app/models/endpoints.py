"""`/v1/models`."""

from fastapi import APIRouter

from app.core.context import Context
from app.core.errors import NotFoundError, documented
from app.models import repository
from app.models.schemas import Model

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("/{model_id}", operation_id="get_model", responses=documented(NotFoundError))
def get_model(model_id: str, context: Context) -> Model:
    """One fitted model."""
    with context.read() as session:
        return Model.model_validate(repository.get(session, model_id), from_attributes=True)
