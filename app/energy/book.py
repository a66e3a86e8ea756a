"""The machine's book: what it drew, and who it was for, to the last millijoule."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.core.clock import now
from app.core.database import Database, WriteSession
from app.energy import ledger, repository
from app.energy.tables import HostEnergyRow, HostEnergyShareRow, ShareKind
from autopq.energy import OVERHEAD, EnergyRow
from autopq.energy.host_meter import PARTS, Interval, Parts
from autopq.energy.ledger import Provenance


@dataclass(frozen=True, slots=True)
class Cause:
    """Who a share is for: an attempt of a job, the forecasts, or the service itself."""

    kind: ShareKind
    job_id: str | None = None
    attempt: int | None = None


REST = Cause("rest")


@dataclass
class _Page:
    """What was not written yet."""

    began: datetime
    seconds: float = 0.0
    host: Parts = field(default_factory=Parts)
    shares: dict[Cause, Parts] = field(default_factory=dict)


class HostBook:
    """Gathers intervals and writes them in one row of the machine and one for each share.

    A worker labels what it draws and carries its share on between two samples, so the rows it
    leaves may add up to a little less or more than its share. When an attempt has ended the
    difference is settled: what no row names becomes overhead of the attempt, and what was carried
    on too far is taken over from the rest. So the rows of an attempt are exactly its share.
    """

    def __init__(self, database: Database, host: str, provenance: Provenance) -> None:
        self._database = database
        self._host = host
        self._provenance = provenance
        self._page = _Page(now())
        self._owed: dict[Cause, Parts] = {}

    @property
    def seconds(self) -> float:
        """How much the open page covers."""
        return self._page.seconds

    def add(self, interval: Interval[Cause]) -> None:
        page = self._page
        page.seconds += interval.seconds
        page.host += interval.host
        for cause, parts in (*interval.shares.items(), (REST, interval.rest)):
            page.shares[cause] = page.shares.get(cause, Parts()) + parts

    def write(self, ended: Iterable[Cause] = ()) -> None:
        """Write the open page and begin a new one; settle the attempts that have ended."""
        page = self._page
        if page.seconds <= 0:
            return
        shares = dict(page.shares)
        owed = dict(self._owed)
        with self._database.write() as session:
            for cause in ended:
                if cause.kind == "attempt":
                    owed[cause] = self._settle(session, cause, shares.get(cause, Parts()))
            for cause, parts in list(owed.items()):
                paid = parts.at_most(shares[REST])
                shares[cause] = shares.get(cause, Parts()) + paid
                shares[REST] -= paid
                owed[cause] = parts - paid
            self._insert(session, page, shares)
        self._owed = {cause: parts for cause, parts in owed.items() if parts != Parts()}
        self._page = _Page(page.began + timedelta(seconds=page.seconds))

    def _settle(self, session: WriteSession, cause: Cause, pending: Parts) -> Parts:
        """Charge what no row names; returns what the rows name beyond the share."""
        assert cause.job_id is not None
        assert cause.attempt is not None
        share = repository.share_of(session, cause.job_id, cause.attempt) + pending
        named = repository.named_of(session, cause.job_id, cause.attempt)
        unnamed = share.at_least(named) - named
        if unnamed != Parts():
            at = now()
            row = EnergyRow(
                started_at=at,
                ended_at=at,
                phase=OVERHEAD,
                trial=None,
                forecaster=None,
                quantile_model=None,
                training_method=None,
                provenance=self._provenance,
                **{name: getattr(unnamed, name) for name in PARTS},
            )
            ledger.append(session, [row], job_id=cause.job_id, attempt=cause.attempt)
        return named.at_least(share) - share

    def _insert(self, session: WriteSession, page: _Page, shares: dict[Cause, Parts]) -> None:
        provenance = self._provenance
        row = HostEnergyRow(
            host=self._host,
            started_at=page.began,
            seconds=page.seconds,
            cpu_method=provenance.cpu_method,
            gpu_method=provenance.gpu_method,
            ram_method=provenance.ram_method,
            idle_method=provenance.idle_method,
            measured=provenance.measured,
            pue=provenance.pue,
            tool=provenance.tool,
            sampling_s=provenance.sampling_s,
            **{name: getattr(page.host, name) for name in PARTS},
        )
        row.shares = [
            HostEnergyShareRow(
                kind=cause.kind,
                job_id=cause.job_id,
                attempt=cause.attempt,
                **{name: getattr(parts, name) for name in PARTS},
            )
            for cause, parts in shares.items()
            if parts != Parts()
        ]
        session.add(row)
