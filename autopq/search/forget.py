"""The end of searches that were kept in a database. Loads Optuna, but nothing that computes:
whoever clears up is not the one who searched."""

from collections.abc import Callable, Collection

import optuna

from autopq.search.trial_database import open_trial_database


def forget(url: str, choose: Callable[[Collection[str]], Collection[str]]) -> Collection[str]:
    """Delete from the database at `url` the studies that `choose` picks by their names, with all
    their trials, and return these names. Each goes in a transaction of its own."""
    storage = open_trial_database(url)
    try:
        chosen = choose(optuna.get_all_study_names(storage))
        for name in chosen:
            optuna.delete_study(study_name=name, storage=storage)
        return chosen
    finally:
        storage.remove_session()
        storage.engine.dispose()
