"""scene -> features -> logits: AlexNet with borrowed weights.

What is frozen says the same of an image in every epoch. So each image and its mirror image go through the frozen layers
once (`encode`), what comes out is kept on disk, and only the layers after it are trained (`fit_head`).
"""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import AlexNet

from helpers.data import Split
from helpers.files import WorkbookError, digest
from helpers.progress import progress
from helpers.sources.cache import cached, fingerprint
from helpers.sources.weights import IMAGENET_MEAN, IMAGENET_STD
from helpers.training import TrainConfig, choose_device, fit

LAYERS = {"conv": 0, "fc6": 3, "fc7": 6}  # where in torchvision's `classifier` each ends, its ReLU included
ENCODING_VERSION = 2  # raise it when `encode` changes: older features are then made anew

# Chosen by `workbook tune` on 40 held-out training images a class, three times.
LAST_LAYER = TrainConfig(num_epochs=40, batch_size=64, learning_rate=1e-3, weight_decay=0.05)
LAST_TWO_LAYERS = TrainConfig(num_epochs=10, batch_size=128, learning_rate=1e-4, weight_decay=0.1)


def prepare_grey(images, input_px=224, mean=IMAGENET_MEAN, std=IMAGENET_STD):
    """Return grey uint8 images (B, 1, H, W) as AlexNet's input: (B, 3, input_px, input_px), normalised.

    Images that are no longer uint8, as crops in training, keep their size; they too are in 0..255.
    """
    greys = images.float() / 255
    if images.dtype == torch.uint8 and greys.shape[-2:] != (input_px, input_px):
        greys = F.interpolate(greys, size=(input_px, input_px), mode="bilinear", antialias=True)
    mean, std = (greys.new_tensor(values) for values in (mean, std))  # (3,)
    return torch.addcmul(-mean / std, greys.movedim(1, -1), 1 / std).movedim(-1, 1)  # channels last, in one step


class AlexNetScenes(AlexNet):
    """torchvision's AlexNet with an input rule: grey images (B, 1, H, W) uint8 -> logits (B, num_classes).

    Source: Krizhevsky (2014), "One weird trick for parallelizing convolutional neural networks"; torchvision.
    """

    def __init__(self, num_classes=15, input_px=224, mean=IMAGENET_MEAN, std=IMAGENET_STD):
        super().__init__(num_classes)
        self.input_px, self.mean, self.std = input_px, tuple(mean), tuple(std)

    def prepare(self, images):
        """Return grey images as the network's input, on its device: see `prepare_grey`."""
        images = images.to(self.features[0].weight.device)
        return prepare_grey(images, self.input_px, self.mean, self.std)

    def forward(self, images):
        """Return the logits (B, num_classes) of grey images (B, 1, H, W) uint8."""
        return super().forward(self.prepare(images))


def make_alexnet(weights=None, num_classes=15):
    """Return AlexNetScenes with these Weights and a new last layer; all random where `weights` is None.

    Random means He's initialisation (He et al., 2015), which keeps the size of what passes through: a fair contrast.
    """
    rule = (weights.input_px, weights.mean, weights.std) if weights else ()
    with torch.device("meta"):  # no time lost on numbers that are overwritten
        model = AlexNetScenes(num_classes, *rule)
    model.to_empty(device="cpu")
    if weights:
        kept = {name: p for name, p in weights.state_dict.items() if not name.startswith("classifier.6.")}
        model.load_state_dict(kept, strict=False)  # read_weights has compared names and shapes
    else:
        for layer in (m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    model.classifier[6].reset_parameters()
    return model.to(memory_format=torch.channels_last)


def freeze(model, num_trainable=1):
    """Freeze all but the last `num_trainable` linear layers (in place); return the model."""
    model.requires_grad_(False)
    for layer in [m for m in model.classifier if isinstance(m, nn.Linear)][-num_trainable:]:
        layer.requires_grad_(True)
    return model


def last_frozen_layer(model):
    """Return the deepest of "conv", "fc6" and "fc7" up to which all is frozen; WorkbookError where there is none."""
    frozen = [layer for layer in LAYERS if not any(p.requires_grad for p in _up_to(model, layer).parameters())]
    if not frozen:
        raise WorkbookError("The conv layers are not frozen, so their features change. Call freeze(model) first.")
    return frozen[-1]


def _up_to(model, layer):
    return nn.ModuleList([model.features, model.classifier[: LAYERS[layer]]])


def encode(model, images, layer="fc7", mirrored=False, device="auto"):
    """Return what a layer of the network, in eval(), says of grey images (N, 1, H, W) uint8: (N, 1, D) in float16.

    D is 4096 for "fc7" and "fc6", 9216 for "conv". With `mirrored`, (N, 2, D): each image and its mirror image. They
    are cached by the numbers in weights and images. Where the CPU has instructions for bfloat16, these are used, for
    half the time.
    """
    numbers = fingerprint(images, model.mean, model.std, *_up_to(model, layer).state_dict().values())
    settings = [ENCODING_VERSION, layer, mirrored, model.input_px, uses_bfloat16(device)]
    build = lambda: {"features": _encode(model, images, layer, mirrored, device).numpy()}
    return torch.from_numpy(cached(f"features-{digest([numbers, *settings])}", [], build)["features"])


def _encode(model, images, layer, mirrored, device):
    model.to(choose_device(device)).eval()
    if layer == "fc7":  # a second's work on what fc6 says
        fc6 = encode(model, images, "fc6", mirrored, device)  # (N, V, 4096)
        return _in_batches(model.classifier[3:6], fc6, "fc7 of features", device)
    rest = model.classifier[: LAYERS[layer]]

    def features_of(batch):
        if mirrored:
            batch = torch.cat([batch, batch.flip(-1)])  # (2 * B, 1, H, W)
        features = rest(model.avgpool(model.features(model.prepare(batch))).flatten(1))
        return features.unflatten(0, (1 + mirrored, -1)).transpose(0, 1)  # (B, V, D)

    return _in_batches(features_of, images, f"{layer} of images", device)


def _in_batches(function, inputs, title, device, batch_size=64):
    """Return function(inputs), a batch at a time, with progress."""
    parts = []
    bar = progress(total=len(inputs), desc=title, unit="image", delay=1)
    with bar, torch.inference_mode(), autocast(device):
        for batch in inputs.split(batch_size):
            batch = batch.to(choose_device(device))
            parts.append(function(batch.float() if batch.is_floating_point() else batch).to("cpu", torch.float16))
            bar.update(len(batch))
    return torch.cat(parts)


def uses_bfloat16(device):
    """Return whether this is a CPU with instructions for bfloat16, with which layers take half the time."""
    has_bfloat16 = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()
    return choose_device(device).type == "cpu" and has_bfloat16


def autocast(device):
    """Return a context in which layers compute in bfloat16 where that is faster."""
    return torch.autocast("cpu", torch.bfloat16, enabled=uses_bfloat16(device))


class Head(nn.Sequential):
    """The network's own last layers. In training each image shows one of its V views, at random; else the first."""

    def forward(self, features):
        """Return the logits (B, num_classes) of features (B, V, D)."""
        num_images, num_views = features.shape[:2]
        view = torch.randint(num_views if self.training else 1, (num_images,)).to(features.device)
        return super().forward(features[torch.arange(num_images, device=features.device), view].float())


def fit_head(model, train, val, config=LAST_LAYER):
    """Train the layers that are not frozen, in place, on what the frozen ones say; return the history of `fit`.

    `train` and `val` are Splits of grey uint8 images. The layers are the network's own: afterwards the whole of it has
    learned. Accuracies are of plain images, none mirrored.
    """
    layer = last_frozen_layer(model)
    train_features = Split(encode(model, train.images, layer, mirrored=True, device=config.device), train.labels)
    val_features = Split(encode(model, val.images, layer, device=config.device), val.labels)
    return fit(Head(*model.classifier[LAYERS[layer] :]), train_features, val_features, config)
