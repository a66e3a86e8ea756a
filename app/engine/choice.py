"""Which engine the settings name."""

from app.engine.base import Engine
from app.engine.local import LocalEngine
from app.engine.ray_engine import RayEngine
from app.settings import Settings


def chosen_engine(settings: Settings) -> Engine:
    return RayEngine(settings) if settings.engine == "ray" else LocalEngine(settings)
