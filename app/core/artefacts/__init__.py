"""Where files are kept that other machines need: datasets, models and forecasts."""

from app.core.artefacts.errors import (
    ArtefactError,
    DamagedArtefactError,
    MissingArtefactError,
    StoreUnavailableError,
)
from app.core.artefacts.opening import open_store
from app.core.artefacts.store import ArtefactStore

__all__ = [
    "ArtefactError",
    "ArtefactStore",
    "DamagedArtefactError",
    "MissingArtefactError",
    "StoreUnavailableError",
    "open_store",
]
