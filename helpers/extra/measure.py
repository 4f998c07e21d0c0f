"""network or machine -> what it costs: size, latency, and what it ran on."""

import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import torch

from helpers.training import choose_device


def size_mb(model):
    """Return the size of the parameters and buffers of a model in memory, in MB (10^6 bytes)."""
    state = model.state_dict().values()
    return sum(tensor.numel() * tensor.element_size() for tensor in state) / 1e6


@torch.inference_mode()
def latency_ms(model, images, repeats=30):
    """Return the model's median time for these images (B, C, H, W), in ms, after a warm-up."""
    model.eval()
    times = []
    for _ in range(repeats + 5):
        start = time.perf_counter()
        model(images).sum().item()  # .item() waits for a GPU to finish
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[5:])


def machine(config):
    """Return one line on what ran: device, cores and versions."""
    device = choose_device(config.device)
    cores = torch.get_num_threads()
    chip = (
        torch.cuda.get_device_name()
        if device.type == "cuda"
        else f"{cores} core{'s' * (cores != 1)} of {cpu_name()}"
    )
    return f"{chip}, Python {platform.python_version()}, torch {torch.__version__}, torchvision {version('torchvision')}"


def cpu_name():
    """Return the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
