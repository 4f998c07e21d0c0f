"""model -> compiled model: the other route to int8, by export, torchao and inductor."""

import copy
import importlib.util
import logging
import shutil

import torch
from torch import nn

from helpers.extra.quantization import input_rule_and_layers, quietly
from helpers.files import profile


def has_compiler():
    """Return whether to compile: in the full profile, with a C++ compiler.

    On a CPU, torch.compile needs that compiler, and time.
    """
    return profile() == "full" and bool(shutil.which("g++") or shutil.which("clang++"))


class CompiledInt8(nn.Module):
    """A network's exported graph with int8 layers, compiled by inductor.

    It is compiled when it first meets a batch of some size.
    """

    def __init__(self, prepare, graph):
        super().__init__()
        self.prepare, self.graph, self.shapes = prepare, graph, set()
        self.run = torch.compile(graph.forward, dynamic=False)

    @torch.inference_mode()
    def forward(self, images):
        """Return the logits of images."""
        inputs = self.prepare(images)
        if inputs.shape not in self.shapes:
            # Without freezing, the weights are float32 in each product.
            with torch._inductor.config.patch(freezing=True):
                quietly(self.run, inputs)
            self.shapes.add(inputs.shape)
        return self.run(inputs)

    def train(self, mode=True):
        """Stay as it is: an exported graph has no other way."""
        return self


def quantize_and_compile(model, calibration_images):
    """Return an int8 copy made by torchao's PT2E and inductor, or None.

    It is None without torchao, or where `has_compiler` is False. Arguments as of `quantize`.
    Source: torchao's tutorial "PyTorch 2 Export Quantization with X86 Backend".
    """
    if not (has_compiler() and importlib.util.find_spec("torchao")):
        return None
    return quietly(export_and_convert, model, calibration_images)


@torch.no_grad()
def export_and_convert(model, calibration_images):
    """Return the CompiledInt8 of a model."""
    from torchao.quantization.pt2e import quantize_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    prepare, layers = input_rule_and_layers(copy.deepcopy(model).cpu().eval())
    inputs = prepare(calibration_images)
    any_batch = ({0: torch.export.Dim("batch", min=1, max=4096)},)
    graph = torch.export.export(layers, (inputs[:2],), dynamic_shapes=any_batch).module()
    quantizer = x86.X86InductorQuantizer().set_global(
        x86.get_default_x86_inductor_quantization_config()
    )
    observed = quantize_pt2e.prepare_pt2e(graph, quantizer)
    for batch in inputs.split(32):
        observed(batch)
    converted = quantize_pt2e.convert_pt2e(observed)
    for layer in converted.modules():
        if hasattr(layer, "weight"):
            del layer.weight  # in float32: the graph holds it in int8
    return CompiledInt8(prepare, converted)


def compiled(model):
    """Return the model compiled by torch.compile; None where `has_compiler` says no."""
    # This logger warns that there is no CUDA.
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    return torch.compile(copy.deepcopy(model).cpu().eval()) if has_compiler() else None
