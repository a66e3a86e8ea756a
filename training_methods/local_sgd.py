"""Local SGD (Stich 2019), with the phases and groups of AB-training: its control.

Groups of ranks train whole weights on their own and average them at intervals. What AB-training
saves beyond this is low rank's own part.
"""

from typing import Any, ClassVar

from torch import Tensor

from training_methods.base import Replacement, Trial
from training_methods.synchronisation import PeriodicSynchronisation, settle_in_place


class LocalSgd(PeriodicSynchronisation):
    """Independent groups whose weights are averaged over all ranks at every synchronisation."""

    name: ClassVar[str] = "local_sgd"

    @classmethod
    def search_space(cls, trial: Trial) -> dict[str, Any]:
        return {
            "warmup": trial.suggest_float("local_sgd_warmup", 0.05, 0.5),
            "period": trial.suggest_int("local_sgd_period", 50, 500, log=True),
        }

    def _part(self) -> tuple[Replacement, ...]:
        return ()

    def _agreed(self, label: str) -> dict[str, Tensor]:
        state = {name: value.detach().clone() for name, value in self.learned().items()}
        self.context.communicator.mean_(list(state.values()), label=label)
        return state

    def _settle(self, agreed: dict[str, Tensor]) -> tuple[Replacement, ...]:
        return settle_in_place(self.learned(), agreed)

    def _dense_state(self) -> dict[str, Tensor]:
        return self.model.state_dict()
