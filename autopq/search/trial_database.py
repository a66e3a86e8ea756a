"""The database in which a search's trials may be kept. Loads Optuna, but nothing that computes."""

import time

from optuna.storages import RDBStorage

_TRIES = 5
_FIRST_PAUSE_S = 0.1


def open_trial_database(url: str) -> RDBStorage:
    """The database at `url`, with Optuna's tables. Who opens it first makes them, and Optuna lets
    others who open it meanwhile stumble over what is half made: here they look again.

    Raises whatever the database's driver raised last, after 1.5 s.
    """
    for attempt in range(_TRIES - 1):
        try:
            return RDBStorage(url)
        except Exception:  # each driver has errors of its own for a table that is there already
            time.sleep(_FIRST_PAUSE_S * 2**attempt)
    return RDBStorage(url)
