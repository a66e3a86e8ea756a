"""What forward-mode differentiation asks of PyTorch: suitable kernels, repeatable randomness."""

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

import torch
from torch import Tensor, nn
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel


@cache
def load_forward_rules() -> None:
    """PyTorch compiles its forward rules at the first use, with a deprecation warning about its
    own code that is nobody's business here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        jvp(torch.exp, (torch.zeros(1),), (torch.ones(1),))


def random_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_random_state(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


@contextmanager
def forward_mode_operators(model: nn.Module) -> Iterator[None]:
    """Within: only kernels that have a forward derivative, and no batch norm writes its running
    statistics (which a vectorised pass cannot)."""
    modules = list(model.modules())
    norms = [
        module
        for module in modules
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
    ]
    with ExitStack() as stack:
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        if any(isinstance(module, nn.RNNBase) for module in modules):
            # `mkldnn.flags` would also set TF32, which warns on machines without it.
            before = torch.backends.mkldnn.set_flags(False)  # type: ignore[no-untyped-call]
            stack.callback(torch.backends.mkldnn.set_flags, before[0])
            stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        for norm in norms:
            norm.track_running_stats = False
        try:
            yield
        finally:
            for norm in norms:
                norm.track_running_stats = True
