"""scene -> features -> logits: AlexNet with borrowed weights.

Frozen layers always give the same output. So each image and its mirror image go through them once
(`encode`), the features are kept on disk, and only the layers after them are trained (`fit_head`).
Both take any network with `prepare`, `features`, `avgpool`, `classifier` and `layers`.
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
from helpers.training import TrainConfig, autocast, choose_device, fit, predict, uses_bfloat16

ENCODING_VERSION = 2  # raise it when `encode` changes: features are then computed again

# Chosen by `workbook tune` on 40 held-out training images per class, three times.
LAST_LAYER = TrainConfig(num_epochs=40, batch_size=64, learning_rate=1e-3, weight_decay=0.05)
LAST_TWO_LAYERS = TrainConfig(num_epochs=10, batch_size=128, learning_rate=1e-4, weight_decay=0.1)


def prepare_grey(images, input_px=224, mean=IMAGENET_MEAN, std=IMAGENET_STD):
    """Return grey uint8 images (B, 1, H, W) as AlexNet's input (B, 3, input_px, input_px).

    Images that are no longer uint8, such as training crops, keep their size; they are in 0..255.
    """
    greys = images.float() / 255
    if images.dtype == torch.uint8 and greys.shape[-2:] != (input_px, input_px):
        greys = F.interpolate(greys, size=(input_px, input_px), mode="bilinear", antialias=True)
    mean, std = (greys.new_tensor(values) for values in (mean, std))  # (3,)
    last = torch.addcmul(-mean / std, greys.movedim(1, -1), 1 / std)  # (B, H, W, 3), in one step
    return last.movedim(-1, 1)


class AlexNetScenes(AlexNet):
    """torchvision's AlexNet with an input rule: grey uint8 images (B, 1, H, W) -> logits.

    Source: Krizhevsky (2014), "One weird trick for parallelizing convolutional neural networks".
    """

    # Where each layer, its ReLU included, ends in torchvision's `classifier`.
    layers = {"conv": 0, "fc6": 3, "fc7": 6}

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
    """Return AlexNetScenes with these Weights and a new last layer; all random without `weights`.

    Random means He's initialisation (He et al., 2015), which keeps the size of activations.
    """
    rule = (weights.input_px, weights.mean, weights.std) if weights else ()
    with torch.device("meta"):  # no time lost on numbers that are overwritten
        model = AlexNetScenes(num_classes, *rule)
    model.to_empty(device="cpu")
    if weights:
        kept = {k: p for k, p in weights.state_dict.items() if not k.startswith("classifier.6.")}
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
    """Return the deepest layer up to which all is frozen: "conv", "fc6" or "fc7" of AlexNet.

    Raises WorkbookError where not even the conv layers are.
    """
    trainable = {k: [p.requires_grad for p in _up_to(model, k).parameters()] for k in model.layers}
    frozen = [layer for layer in model.layers if not any(trainable[layer])]
    if not frozen:
        reason = "The conv layers are not frozen, so their features change."
        raise WorkbookError(f"{reason} Call freeze(model) first.")
    return frozen[-1]


def _up_to(model, layer):
    return nn.ModuleList([model.features, model.classifier[: model.layers[layer]]])


def encode(model, images, layer=None, mirrored=False, device="auto"):
    """Return a layer's features, in eval(), for grey uint8 images (N, 1, H, W): (N, 1, D) float16.

    The layer is the network's last by default. D is 4096 for AlexNet's "fc7" and "fc6", 9216 for
    its "conv", 1280 for EfficientNet's "pool". With `mirrored`, (N, 2, D): each image and its mirror
    image. The cache's key is all numbers in weights and images. On a CPU with instructions for
    bfloat16, layers use it, in half the time.
    """
    layer = layer or list(model.layers)[-1]
    weights = _up_to(model, layer).state_dict().values()
    numbers = fingerprint(images, model.mean, model.std, *weights)
    settings = [ENCODING_VERSION, layer, mirrored, model.input_px, uses_bfloat16(device)]
    stem = f"features-{digest([numbers, *settings])}"
    build = lambda: {"features": _encode(model, images, layer, mirrored, device).numpy()}
    return torch.from_numpy(cached(stem, [], build)["features"])


def _encode(model, images, layer, mirrored, device):
    model.to(choose_device(device)).eval()
    if layer == "fc7":  # a second's work on the features of fc6
        fc6 = encode(model, images, "fc6", mirrored, device)  # (N, V, 4096)
        return _in_batches(model.classifier[3:6], fc6, "fc7 of features", device)
    rest = model.classifier[: model.layers[layer]]

    def features_of(batch):
        if mirrored:
            batch = torch.cat([batch, batch.flip(-1)])  # (2 * B, 1, H, W)
        features = rest(model.avgpool(model.features(model.prepare(batch))).flatten(1))
        return features.unflatten(0, (1 + mirrored, -1)).transpose(0, 1)  # (B, V, D)

    return _in_batches(features_of, images, f"{layer} of images", device)


def _in_batches(function, inputs, title, device, batch_size=64):
    """Return function(inputs), one batch at a time, with progress."""
    parts = []
    bar = progress(total=len(inputs), desc=title, unit="image", delay=1)
    with bar, torch.inference_mode(), autocast(device):
        for batch in inputs.split(batch_size):
            batch = batch.to(choose_device(device))
            batch = batch.float() if batch.is_floating_point() else batch
            parts.append(function(batch).to("cpu", torch.float16))
            bar.update(len(batch))
    return torch.cat(parts)


class Head(nn.Sequential):
    """The network's own last layers; in training each image shows one of its V views at random."""

    def forward(self, features):
        """Return the logits (B, num_classes) of features (B, V, D)."""
        num_images, num_views = features.shape[:2]
        view = torch.randint(num_views if self.training else 1, (num_images,)).to(features.device)
        index = torch.arange(num_images, device=features.device)
        return super().forward(features[index, view].float())


def fit_head(model, train, val, config=LAST_LAYER):
    """Train the layers that are not frozen, in place, on the frozen features; return the history.

    `train` and `val` are Splits of grey uint8 images. The trained layers are the network's own, so
    afterwards the whole network has learned. Accuracies are those of images that are not mirrored.
    """
    layer, device = last_frozen_layer(model), config.device
    features = encode(model, train.images, layer, mirrored=True, device=device)
    val_features = encode(model, val.images, layer, device=device)
    head = Head(*model.classifier[model.layers[layer] :])
    return fit(head, Split(features, train.labels), Split(val_features, val.labels), config)


def predict_by_features(model, images, device="auto"):
    """Return the logits (N, num_classes) of grey uint8 images by way of their frozen features.

    They are what `fit_head` evaluates; the whole network's differ a little, by bfloat16's rounding.
    """
    layer = last_frozen_layer(model)
    head = Head(*model.classifier[model.layers[layer] :])
    return predict(head, encode(model, images, layer, device=device).to(choose_device(device)))
