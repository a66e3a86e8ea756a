"""The search of a job: where it is kept for the next attempt, and how wide it may run."""

from app.settings import Settings
from autopq.search.store import SearchStore
from autopq.task import TaskConfig


def store_of(settings: Settings, job_id: str) -> SearchStore:
    """All attempts of a job share one."""
    folder = settings.storage.search(job_id)
    return SearchStore(folder, settings.resolved_trials_database_url, f"{job_id}/")


def job_of_study(name: str) -> str:
    """The job whose search a study in the trials' database belongs to, by the study's name."""
    return name.partition("/")[0]


def within_limits(config: TaskConfig, settings: Settings) -> TaskConfig:
    """The task with no more workers than the operator allows, or than Ray was told of."""
    allowed = settings.trial_workers
    if allowed is None and settings.engine == "ray":
        allowed = settings.cpus_per_job
    if allowed is None:
        return config
    wanted = config.trial_workers or allowed
    return config.model_copy(update={"trial_workers": min(wanted, allowed)})
