"""Models over HTTP."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.jobs.results import LeaderboardEntry
from autopq.task import TaskConfig


class Model(BaseModel):
    """A fitted model: the winner of a job."""

    id: str
    job_id: str
    created_at: datetime
    config: TaskConfig
    summary: LeaderboardEntry = Field(description="The leaderboard's first row.")
    size_bytes: int
