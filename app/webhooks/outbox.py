"""What is told about a job, written in the transaction that ends it."""

import json
from datetime import datetime

from app.core import ids
from app.core.database import WriteSession
from app.webhooks import repository
from app.webhooks.tables import DeliveryRow

KIND = "job.{state}"


def announce_end(
    session: WriteSession, job_id: str, attempt: int, state: str, message: str, at: datetime
) -> None:
    """Queue the news for the job's webhook, if it has one."""
    webhook = repository.of_job(session, job_id)
    if webhook is None:
        return
    kind = KIND.format(state=state)
    body = {
        "type": kind,
        "timestamp": at.isoformat().replace("+00:00", "Z"),
        "data": {
            "job_id": job_id,
            "state": state,
            "message": message,
            "attempt": attempt,
            "job": f"/v1/jobs/{job_id}",
        },
    }
    session.add(
        DeliveryRow(
            tenant_id=webhook.tenant_id,
            id=ids.new("msg"),
            job_id=job_id,
            kind=kind,
            body=json.dumps(body),
            state="waiting",
            tries=0,
            created_at=at,
            next_at=at,
        )
    )
