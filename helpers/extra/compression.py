"""model -> smaller model: bfloat16, int8 for linear layers alone, thin linear layers."""

import copy

import torch
from torch import nn
from torch.ao import quantization as ao

from helpers.extra.quantization import input_rule_and_layers, quietly
from helpers.sources.small_weights import BIG_LAYERS
from helpers.training import autocast


class Bfloat16(nn.Module):
    """A network with weights and activations in bfloat16: half the size, 8 bits of exponent."""

    def __init__(self, model):
        super().__init__()
        prepare, layers = input_rule_and_layers(copy.deepcopy(model).cpu().eval())
        self.prepare, self.layers = prepare, layers.to(torch.bfloat16)

    def forward(self, images):
        """Return the logits of images in float32."""
        return self.layers(self.prepare(images).bfloat16()).float()


class LayersInBfloat16(nn.Module):
    """A network whose layers compute in bfloat16 where the processor has it.

    Its weights stay as they are.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        """Return the logits of images in float32."""
        with autocast("cpu"):
            return self.model(images).float()


def dynamic(model):
    """Return a copy whose linear layers alone compute in int8.

    Each batch decides the range of its activations, so no calibration is needed. Source:
    torch.ao.quantization.quantize_dynamic.
    """
    return quietly(ao.quantize_dynamic, copy.deepcopy(model).cpu().eval(), {nn.Linear})


def with_thin_layers(model, rank):
    """Return a copy of AlexNet whose two big linear layers are two thin ones each, of this rank.

    The workbook's small weights lose nothing at their own rank, as they were made that way. Source:
    Denton et al. (2014).
    """
    thin = copy.deepcopy(model).cpu().eval()
    for index in BIG_LAYERS:
        whole = thin.classifier[index]
        weight = whole.weight.detach()  # (out, in)
        basis = main_directions(weight, rank)  # (out, rank)
        down, up = (
            nn.Linear(whole.in_features, rank, bias=False),
            nn.Linear(rank, whole.out_features),
        )
        down.weight.data, up.weight.data, up.bias.data = (
            basis.T @ weight,
            basis,
            whole.bias.detach(),
        )
        thin.classifier[index] = nn.Sequential(down, up)
    return thin


def main_directions(matrix, rank):
    """Return orthonormal columns (rows, rank) in which a matrix (rows, columns) is largest.

    Source: Halko, Martinsson & Tropp (2011), with one power iteration.
    """
    basis, _ = torch.linalg.qr(matrix @ torch.randn(matrix.shape[1], rank))
    basis, _ = torch.linalg.qr(matrix.T @ basis)
    return torch.linalg.qr(matrix @ basis)[0]
