"""`create_app`: the HTTP service as one object."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.accounts.endpoints import router as keys
from app.accounts.exposure import check_exposure
from app.accounts.guard import PUBLIC_PATHS, GuardMiddleware
from app.accounts.known_keys import KnownKeys
from app.accounts.uses import KeyUses
from app.backtests.endpoints import router as backtests
from app.checks.pool import CheckPool
from app.compatibility.endpoints import router as compatibility
from app.core import handlers, migrations
from app.core.body_limit import BodyLimitMiddleware
from app.core.byte_cache import ByteCache
from app.core.compression import COMPRESSION, CompressionMiddleware
from app.core.context import AppContext
from app.core.errors import (
    ForbiddenError,
    InvalidRequestError,
    Problem,
    TooManyError,
    UnauthorizedError,
    documented,
)
from app.core.kept_answers import KeptAnswersMiddleware
from app.core.representation import sparse_schemas
from app.core.requests import RequestMiddleware
from app.core.schema import open_database
from app.core.streams import Streams
from app.datasets.endpoints import router as datasets
from app.datasets.schemas import InlineTable
from app.energy.endpoints import router as energy
from app.engine.choice import chosen_engine
from app.engine.supervisor import Supervisor
from app.forecasts.endpoints import router as forecasts
from app.health.endpoints import router as health
from app.jobs.endpoints import router as jobs
from app.jobs.updates import router as updates
from app.metrics.endpoints import router as metrics_router
from app.metrics.registry import Metrics
from app.models.endpoints import router as models
from app.reference.endpoints import router as reference
from app.settings import Settings
from app.webhooks.endpoints import router as webhooks

DESCRIPTION = (
    "Upload a table, submit a forecasting job, query quantile forecasts and review the "
    "electricity it took. Errors are RFC 9457 problems that name field, row and mend."
)

API = (
    datasets,
    jobs,
    backtests,
    models,
    updates,
    forecasts,
    compatibility,
    energy,
    keys,
    webhooks,
    reference,
)
OPERATION = (metrics_router, health)  # of every process


def create_app(settings: Settings) -> FastAPI:
    """The service. On start it brings the database to the newest schema and, unless told
    otherwise, supervises jobs; on stop it hands running jobs back to the queue. A process that is
    only to supervise answers for its health and figures alone."""

    metrics, uses, known_keys = Metrics(), KeyUses(), KnownKeys()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context = AppContext(
            settings,
            open_database(settings.resolved_database_url),
            CheckPool(settings, metrics.observe_check),
            CapacityLimiter(settings.check_processes),
            Streams(settings.max_streams, settings.max_streams_per_key),
            ByteCache(settings.answer_cache_bytes),
            known_keys,
        )
        settings.storage.prepare()
        await to_thread.run_sync(migrations.upgrade, context.database.engine)
        context.database.must_exist()
        check_exposure(settings, context.database)
        app.state.context = context
        metrics.watch(context.database)
        writing = asyncio.create_task(uses.keep_writing(context.database))
        supervisor = Supervisor(settings, context.database, chosen_engine(settings))
        if settings.supervise:
            supervisor.start()
        yield
        if settings.supervise:
            await to_thread.run_sync(supervisor.stop)
        writing.cancel()
        await to_thread.run_sync(uses.write, context.database)
        context.checks.close()
        context.database.close()

    app = _Service(
        title="AutoPQ Service",
        version=version("autopq-service"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # the stock pages load their scripts from a CDN
        redoc_url=None,
    )
    for router in (*(API if settings.serve_api else ()), *OPERATION):
        app.include_router(router)
    handlers.install(app)

    def limit_of(method: str, path: str) -> int:
        path = path.rstrip("/")
        upload = method == "POST" and (
            path == "/v1/datasets" or (path.startswith("/v1/datasets/") and path.endswith("/rows"))
        )
        return settings.max_upload_bytes if upload else settings.max_json_bytes

    app.add_middleware(BodyLimitMiddleware, limit_of=limit_of)
    app.add_middleware(KeptAnswersMiddleware)
    # Before any body is read.
    app.add_middleware(GuardMiddleware, settings=settings, uses=uses, known=known_keys)
    app.add_middleware(CompressionMiddleware, **COMPRESSION)
    app.add_middleware(RequestMiddleware, observe=metrics.observe)
    app.state.metrics = metrics
    return app


class _Service(FastAPI):
    """FastAPI with a document of its own."""

    def openapi(self) -> dict[str, Any]:
        return _openapi(self)


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with problems in place of its own validation error."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs", {})
        schemas["Problem"] = problem
        schemas["InlineTable"] = InlineTable.model_json_schema()
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        refused = documented(InvalidRequestError)[422]
        guarded = documented(UnauthorizedError, ForbiddenError, TooManyError)
        for name, path in document["paths"].items():
            for operation in path.values():
                if "422" in operation["responses"]:
                    operation["responses"]["422"] = refused
                if name not in PUBLIC_PATHS:
                    # Nothing, too: without any key the service is open to its own machine.
                    operation["security"] = [{"key": []}, {}]
                    operation["responses"] |= {str(s): told for s, told in guarded.items()}
        sparse_schemas(document)
        app.openapi_schema = document
    return app.openapi_schema
