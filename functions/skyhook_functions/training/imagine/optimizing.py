"""The optimizers of the reader and the network."""

import torch
from torch import nn

LEARNING_RATE = 1.5e-3
MATRIX_LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.02


def optimizers(network: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for all else that is to be learned."""
    named = {name: value for name, value in network.named_parameters() if value.requires_grad}
    matrices = [
        name for name, value in named.items() if value.ndim == 2 and "blocks." in name and "table" not in name
    ]
    others = [value for name, value in named.items() if name not in matrices]
    result: list[torch.optim.Optimizer] = [
        torch.optim.Muon(
            [named[name] for name in matrices],
            lr=MATRIX_LEARNING_RATE,
            weight_decay=WEIGHT_DECAY,
            momentum=0.95,
        ),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    for one in result:
        one.param_groups[0]["full_rate"] = one.param_groups[0]["lr"]
    return result


def set_rates(optimizing: list[torch.optim.Optimizer], share: float) -> None:
    """Learn at a share of the full rates from now on."""
    for one in optimizing:
        one.param_groups[0]["lr"] = one.param_groups[0]["full_rate"] * share
