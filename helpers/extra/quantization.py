"""model -> int8 model: weights and activations in 8 bits, what it costs and what it keeps."""

import copy
import importlib.util
import logging
import shutil
import statistics
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from torch.ao import quantization as ao
from tqdm.auto import tqdm

from helpers.alexnet import AlexNetScenes, prepare_grey
from helpers.files import WorkbookError, atomic_write, profile
from helpers.models import SimpleNet, SimpleNetDropout, SimpleNetVariant
from helpers.recipes import cpu_name
from helpers.sources.small_weights import BIG_LAYERS
from helpers.training import predict

MAX_LOST = 0.05  # accuracy that a compressed network may lose before it counts as broken


class Int8Network(nn.Module):
    """A network whose layers compute with 8-bit whole numbers: images in, logits (B, num_classes) out, in float32."""

    def __init__(self, prepare, layers):
        super().__init__()
        self.prepare = prepare  # images -> the float32 input of the first layer
        self.quant, self.layers, self.dequant = ao.QuantStub(), layers, ao.DeQuantStub()

    def forward(self, images):
        """Return the logits of images, as the network does that this one was made of."""
        return self.dequant(self.layers(self.quant(self.prepare(images))))


@torch.no_grad()
def quantize(model, calibration_images):
    """Return an int8 copy of SimpleNet, SimpleNetDropout or AlexNet for the CPU; the model stays as it is.

    `calibration_images` (N, C, H, W), as the model takes them, must be training images: they decide the range of every
    activation. Post-training static quantization: Jacob et al. (2018), "Quantization and Training of Neural Networks
    for Efficient Integer-Arithmetic-Only Inference"; torch.ao.quantization.
    """
    network = Int8Network(*input_rule_and_layers(copy.deepcopy(model).cpu().eval()))
    fuse(network)  # one rounding instead of two: convolution or linear layer, with the ReLU after it
    network.qconfig = ao.get_default_qconfig("x86")  # activations: histogram; weights: a scale for each output channel
    observed = quietly(ao.prepare, network)
    for batch in calibration_images.split(32):
        observed(batch)  # observers note the range of what passes
    return quietly(ao.convert, observed)


def has_compiler():
    """Return whether to compile: there is a C++ compiler, which torch.compile needs on a CPU, and time for it."""
    return profile() == "full" and bool(shutil.which("g++") or shutil.which("clang++"))


def input_rule_and_layers(model):
    """Return (how images become the first layer's input, all layers of the network in one Sequential)."""
    if isinstance(model, SimpleNet | SimpleNetDropout | SimpleNetVariant):
        return as_it_is, in_sequence([model.conv_layers, model.fc_layers])
    if isinstance(model, AlexNetScenes):
        num_rules = len(set(zip(model.mean, model.std)))  # 1: three equal channels, so one is enough until the end
        mean, std = (values[:1] if num_rules == 1 else values for values in (model.mean, model.std))
        rule = partial(prepare_grey, input_px=model.input_px, mean=mean, std=std)
        return rule, in_sequence([ThreeChannels(), model.features, model.avgpool, nn.Flatten(), model.classifier])
    raise WorkbookError(
        f"quantize knows SimpleNet, SimpleNetDropout and AlexNet, not {type(model).__name__}. Give it one of these."
    )


class ThreeChannels(nn.Module):
    """Grey (B, 1, H, W) -> (B, 3, H, W), three times the same; after the rounding to int8, a quarter of the memory."""

    def forward(self, images):
        """Return the images with three channels, also those that have them already."""
        return images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def as_it_is(images):
    """Return images that are normalised already, laid out as convolutions like them."""
    return images.contiguous(memory_format=torch.channels_last)


def in_sequence(parts):
    """Return all layers of nested Sequentials in one, without dropout, each ReLU before the pooling it stood behind."""
    layers = []
    for part in parts:
        layers += list(part) if isinstance(part, nn.Sequential) else [part]
    layers = [layer for layer in layers if not isinstance(layer, nn.Dropout)]
    for i in range(1, len(layers)):
        if isinstance(layers[i], nn.ReLU) and isinstance(layers[i - 1], nn.MaxPool2d):  # the same either way round
            layers[i - 1], layers[i] = nn.ReLU(), layers[i - 1]
    return nn.Sequential(*layers)


def fuse(network):
    """Join each convolution or linear layer with the ReLU behind it, in place."""
    layers = list(network.layers)
    pairs = [
        [f"layers.{i}", f"layers.{i + 1}"]
        for i in range(len(layers) - 1)
        if isinstance(layers[i], nn.Conv2d | nn.Linear) and isinstance(layers[i + 1], nn.ReLU)
    ]
    quietly(ao.fuse_modules, network, pairs, inplace=True)


def quietly(function, *arguments, **options):
    """Call a function without torch's announcements: that torch.ao will move to torchao, that there is no CUDA."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            return function(*arguments, **options)
        finally:
            logging.disable(logging.NOTSET)


# --- the other route: export, quantise, compile ----------------------------------------------------------------------


class CompiledInt8(nn.Module):
    """A network's exported graph with int8 layers, which inductor compiles when it first meets a batch of some size."""

    def __init__(self, prepare, graph):
        super().__init__()
        self.prepare, self.graph, self.shapes = prepare, graph, set()
        self.run = torch.compile(graph.forward, dynamic=False)

    @torch.inference_mode()
    def forward(self, images):
        """Return the logits of images."""
        inputs = self.prepare(images)
        if inputs.shape not in self.shapes:
            with torch._inductor.config.patch(freezing=True):  # without it, the weights are float32 in each product
                quietly(self.run, inputs)
            self.shapes.add(inputs.shape)
        return self.run(inputs)

    def train(self, mode=True):
        """Stay as it is: an exported graph has no other way."""
        return self


def quantize_and_compile(model, calibration_images):
    """Return an int8 copy by torchao's PT2E and inductor; None without torchao or where `has_compiler` says no.

    Arguments as of `quantize`. Source: torchao's tutorial "PyTorch 2 Export Quantization with X86 Backend".
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
    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    observed = quantize_pt2e.prepare_pt2e(graph, quantizer)
    for batch in inputs.split(32):
        observed(batch)
    converted = quantize_pt2e.convert_pt2e(observed)
    for layer in converted.modules():
        if hasattr(layer, "weight"):
            del layer.weight  # in float32: the graph holds it in int8
    return CompiledInt8(prepare, converted)


# --- file ------------------------------------------------------------------------------------------------------------


def save_state(model, path):
    """Write a model's numbers, 8 bits or more, to a file; return its size in MB (10^6 bytes)."""
    with atomic_write(path) as temporary:
        torch.save(model.state_dict(), temporary)
    return Path(path).stat().st_size / 1e6


def load_quantized(path, like):
    """Return the int8 network that `save_state` wrote; `like` is a model of the same layers, its numbers do not matter.

    Raises WorkbookError for a file that is absent, damaged or of another network.
    """
    example = torch.zeros(1, 1, 64, 64, dtype=torch.uint8 if isinstance(like, AlexNetScenes) else torch.float32)
    network = quantize(like, example)
    try:
        network.load_state_dict(quietly(torch.load, path, weights_only=True))
    except Exception as error:  # a damaged file can raise anything
        raise WorkbookError(
            f"{path} does not hold an int8 {type(like).__name__}: it is absent, damaged or of another network. "
            "Write it again with save_state(quantize(model, images), path)."
        ) from error
    return network


# --- other ways to be small ------------------------------------------------------------------------------------------


class Bfloat16(nn.Module):
    """A network whose weights and activations are bfloat16: half the size; 8 bits of them are the exponent."""

    def __init__(self, model):
        super().__init__()
        prepare, layers = input_rule_and_layers(copy.deepcopy(model).cpu().eval())
        self.prepare, self.layers = prepare, layers.to(torch.bfloat16)

    def forward(self, images):
        """Return the logits of images in float32."""
        return self.layers(self.prepare(images).bfloat16()).float()


def with_thin_layers(model, rank):
    """Return a copy of AlexNet whose two big linear layers are two thin ones each, of this rank (Denton et al., 2014).

    For the workbook's small weights and their rank, nothing is lost: that is how they were made.
    """
    thin = copy.deepcopy(model).cpu().eval()
    for index in BIG_LAYERS:
        whole = thin.classifier[index]
        left, values, right = torch.svd_lowrank(whole.weight.detach(), q=rank, niter=4)  # (out, q), (q,), (in, q)
        down, up = nn.Linear(whole.in_features, rank, bias=False), nn.Linear(rank, whole.out_features)
        down.weight.data, up.weight.data, up.bias.data = right.T, left * values, whole.bias.detach()
        thin.classifier[index] = nn.Sequential(down, up)
    return thin


def compiled(model):
    """Return the model compiled by torch.compile; None where `has_compiler` says no."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # it would say that there is no CUDA
    return torch.compile(copy.deepcopy(model).cpu().eval()) if has_compiler() else None


# --- comparison ------------------------------------------------------------------------------------------------------


def compare(models, split, rounds=9):
    """Return a table of models {name: model}, the first of which the others are compared with.

    Columns: MB (of the file as saved), ms at batch 1 and 32 (median, half the range of the middle half), accuracy on
    the Split, agreement (share of images with the first model's answer). Raises WorkbookError for a model that has
    lost more than five points of accuracy: it is broken, and its speed means nothing.
    """
    times = {batch: latencies(models, split.images[:batch], rounds) for batch in (1, 32)}
    rows, baseline = [], None
    for name, model in tqdm(models.items(), desc="Comparing", unit="model", leave=False):
        answers = predict(model, split.images, batch_size=32).argmax(dim=1)
        accuracy = (answers == split.labels).float().mean().item()
        baseline = baseline or (name, answers, accuracy)
        if accuracy < baseline[2] - MAX_LOST:
            raise WorkbookError(
                f'"{name}" has an accuracy of {accuracy:.3f}, "{baseline[0]}" {baseline[2]:.3f}: something went '
                "wrong, most likely its calibration. Calibrate with training images as the model takes them."
            )
        agreement = (answers == baseline[1]).float().mean().item()
        rows.append({"model": name, "MB": file_size_mb(model), "accuracy": accuracy, "agreement": agreement})
    for row in rows:
        for batch, of_models in times.items():
            row[f"ms, batch {batch}"], row[f"± {batch}"] = of_models[row["model"]]
    columns = ["model", "MB", "ms, batch 1", "± 1", "ms, batch 32", "± 32", "accuracy", "agreement"]
    return pd.DataFrame(rows)[columns]


def file_size_mb(model):
    """Return the size of the file that `save_state` would write, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        return save_state(model, Path(folder) / "model.pt")


@torch.inference_mode()
def latencies(models, images, rounds=9):
    """Return {name: (median, half of the middle half's range)} of the time for these images, in ms.

    The models take turns, so that a busy moment of the machine does not hit one of them alone.
    """
    times = {name: [] for name in models}
    for model in models.values():
        for _ in range(3):
            model.eval()(images)  # warm-up
    for _ in range(rounds):
        for name, model in models.items():
            for _ in range(max(3, 30 // len(images))):
                start = time.perf_counter()
                model(images)
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: (statistics.median(values), spread(values)) for name, values in times.items()}


def spread(values):
    """Return half the range of the middle half of values."""
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2


def processor():
    """Return the CPU's name, and whether it has VNNI: instructions that multiply and add 8-bit numbers at once."""
    has_vnni = getattr(torch.cpu, "_is_vnni_supported", bool)()
    return f"{cpu_name()}, {torch.get_num_threads()} threads, {'with' if has_vnni else 'without'} VNNI"
