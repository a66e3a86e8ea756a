"""Imports every table, so that foreign keys resolve and `METADATA` is the whole schema."""

from app.accounts.tables import ApiKeyRow, TenantRow
from app.backtests.tables import BacktestRow
from app.core.database import Base, Database
from app.core.idempotency import IdempotencyKeyRow
from app.datasets.tables import DatasetRow, DatasetVersionRow
from app.energy.tables import EnergyLedgerRow, HostEnergyRow, HostEnergyShareRow
from app.engine.tables import SupervisorLeaseRow
from app.forecasts.tables import ForecastRow
from app.jobs.tables import AttemptRow, JobEventRow, JobRow, LeaderboardEntryRow, TrialRow
from app.models.tables import ModelAliasRow, ModelRow
from app.webhooks.tables import DeliveryRow, WebhookRow, WebhookSecretRow

METADATA = Base.metadata
TABLES = (
    TenantRow,
    ApiKeyRow,
    DatasetRow,
    DatasetVersionRow,
    JobRow,
    AttemptRow,
    TrialRow,
    JobEventRow,
    LeaderboardEntryRow,
    BacktestRow,
    ModelRow,
    ModelAliasRow,
    ForecastRow,
    EnergyLedgerRow,
    HostEnergyRow,
    HostEnergyShareRow,
    SupervisorLeaseRow,
    IdempotencyKeyRow,
    WebhookSecretRow,
    WebhookRow,
    DeliveryRow,
)


def open_database(url: str) -> Database:
    """A database whose tables are all known."""
    return Database(url)
