"""Holds a model's past forecasts against the actuals that arrived since."""

import json

from app.checks.sources import INLINE_MEDIA_TYPE, TableSource
from app.core import ids
from app.core.context import RequestContext
from app.datasets import repository as datasets
from app.datasets.references import TableReference
from app.datasets.upload import temporary
from app.forecasts import repository as forecasts
from app.models import repository
from app.models.schemas import Monitoring

MOST_FORECASTS = 500
_SCORE = "mean_pinball"


def monitor(context: RequestContext, reference: str, actuals: TableReference | None) -> Monitoring:
    """Actuals are the newest version of the model's own dataset unless others are given.

    Raises NotFoundError, InputError."""
    with context.read() as session:
        model = repository.get(session, reference)
        job = repository.job_of(session, model)
        finished = forecasts.newest(
            session, limit=MOST_FORECASTS, after=None, model_id=model.id, state="succeeded"
        )
        given = actuals or TableReference(dataset_id=job.dataset_id)
        version = None
        if given.dataset_id is not None:
            version = datasets.version(session, given.dataset_id, given.version)
    chosen_by = model.summary["test"] or model.summary["validation"]
    storage = context.storage
    document = {
        "forecasts": [str(storage.bring(storage.forecast(r.id, r.attempt))) for r in finished],
        "config": model.config,
        "freq": job.audit["freq"],
        "reference": chosen_by.get(_SCORE),
    }
    with temporary(storage.incoming / ids.new("actuals")) as path:
        if version is not None:
            kept = storage.bring(storage.dataset(version.dataset_id, version.version))
            source = TableSource(kept, version.media_type)
        else:
            path.write_text(json.dumps({"columns": given.columns}), encoding="utf-8")
            source = TableSource(path, INLINE_MEDIA_TYPE)
        found = context.checks.run("monitor", actuals=source.as_dict(), **document)
    return Monitoring.model_validate(
        {
            **found,
            "model_id": model.id,
            "dataset_id": version and version.dataset_id,
            "dataset_version": version and version.version,
            "forecasts": len(finished),
            "reference": document["reference"],
        }
    )
