"""What holds after any fault, once everything has come to its end."""

import json
from typing import Any

TERMINAL = ("succeeded", "failed", "cancelled")


def check_aftermath(service: Any) -> None:
    """No job is lost, none ended twice, and neither a process nor a file is left over."""
    jobs = service.rows("SELECT id, state, error FROM job")
    assert jobs
    for job_id, state, error in jobs:
        assert state in TERMINAL, (job_id, state)
        assert (state == "failed") == (error is not None), (job_id, state, error)
        told = _told(service, job_id, "state")
        assert [what for what in told if what in TERMINAL] == [state], told
        models = service.rows("SELECT attempt FROM model WHERE job_id = ?", job_id)
        attempt = service.rows("SELECT attempt FROM job WHERE id = ?", job_id)
        assert models == (attempt if state == "succeeded" else [])
    assert service.rows("SELECT * FROM attempt WHERE state IN ('starting', 'running')") == []
    made = {
        f"{job}-{attempt}" for job, attempt in service.rows("SELECT job_id, attempt FROM model")
    }
    assert {path.name for path in (service.data_dir / "models").iterdir()} == made
    for folder in ("incoming", "searches"):
        service.until(lambda f=folder: not any((service.data_dir / f).iterdir()), f"no {folder}")
    attempts = service.rows("SELECT job_id, number FROM attempt")
    logs = {path.stem for path in (service.data_dir / "logs").glob("job_*")}
    assert logs <= {f"{job}-{attempt}" for job, attempt in attempts}
    service.until(lambda: not service.workers(), "the last worker's end")


def pid_of_attempt(service: Any, job_id: str, attempt: int) -> int:
    ((handle,),) = service.rows(
        "SELECT handle FROM attempt WHERE job_id = ? AND number = ?", job_id, attempt
    )
    return int(handle.split(":")[0])


def phases_of_attempt(service: Any, job_id: str, attempt: int) -> list[str]:
    return _told(service, job_id, "phase", attempt)


def _told(service: Any, job_id: str, kind: str, attempt: int | None = None) -> list[str]:
    """What the events of a kind said, in their order."""
    query = "SELECT attempt, data FROM job_event WHERE job_id = ? AND kind = ? ORDER BY id"
    return [
        (json.loads(data) if isinstance(data, str) else data)[kind]
        for number, data in service.rows(query, job_id, kind)
        if attempt in (None, number)
    ]
