"""Charges the prediction worker's electricity to the forecast it is at."""

import threading

from app.core.database import Database
from app.energy import ledger
from autopq.energy import EnergyRow


class Account:
    """The sink of the worker's meter. Rows that come while no forecast is open are charged to
    nobody. What was spent is a fact: it is written apart from a forecast's result and state."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()  # guards the two below
        self._open: tuple[str, int] | None = None
        self._spent: list[tuple[str, int, EnergyRow]] = []
        self._flushing = threading.Lock()  # one flush at a time, so that no row is written twice

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def open(self, forecast_id: str, attempt: int) -> None:
        with self._lock:
            self._open = forecast_id, attempt

    def close(self) -> None:
        with self._lock:
            self._open = None

    def add(self, row: EnergyRow) -> None:
        with self._lock:
            if self._open is not None:
                self._spent.append((*self._open, row))

    def flush(self) -> None:
        """Write what was added since."""
        with self._flushing:
            with self._lock:
                spent = list(self._spent)
            if not spent:
                return
            with self._database.write() as session:
                for forecast_id, attempt, row in spent:
                    ledger.append(session, [row], attempt=attempt, forecast_id=forecast_id)
            with self._lock:
                del self._spent[: len(spent)]
