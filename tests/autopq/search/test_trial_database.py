"""Opening the database of trials, whoever else does at that moment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import optuna
import pytest

from autopq.search.trial_database import open_trial_database


def test_who_opens_a_new_one_at_the_same_time_waits_for_its_tables(tmp_path: Path) -> None:
    together = 6
    for k in range(2):
        url = f"sqlite:///{tmp_path / f'{k}.sqlite3'}"
        barrier = Barrier(together)

        def opened(number: int, url: str = url, barrier: Barrier = barrier) -> int:
            barrier.wait()
            storage = open_trial_database(url)
            return optuna.create_study(storage=storage, study_name=f"{number}")._study_id

        with ThreadPoolExecutor(together) as pool:
            assert len(set(pool.map(opened, range(together)))) == together


def test_one_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="unable to open database file"):
        open_trial_database(f"sqlite:///{tmp_path / 'nowhere' / 'trials.sqlite3'}")
