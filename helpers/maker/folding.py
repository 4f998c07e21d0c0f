"""a trained network -> small weights: batch norm folded, fc6 and fc7 made in closed form.

Batch norm goes into the convolutions. The trained fc6 and fc7 tell 16 classes apart and discard the
rest of the conv features. So they are replaced by layers that pass on the directions in which conv
features vary most, whatever the classes.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from helpers.sources.small_weights import INPUT_PX, multiply_out


def standardise_grey(images, statistics):
    """Return uint8 images as floats with mean 0 and standard deviation 1."""
    mean, std = statistics
    return (images.float() / 255 - mean) / std


def fold(convolution, batch_norm):
    """Return the kernel and bias that alone do what convolution and batch norm do in eval()."""
    scale = batch_norm.weight / (batch_norm.running_var + batch_norm.eps).sqrt()
    return convolution.weight * scale[
        :, None, None, None
    ], batch_norm.bias - batch_norm.running_mean * scale


def folded_features(network):
    """Return the conv layers' weights without batch norm, by torchvision's names."""
    weights, index = {}, 0  # index: the layer's place among torchvision's features
    for place, layer in enumerate(network.features):
        if isinstance(layer, nn.Conv2d):
            folded = fold(layer, network.features[place + 1])
            weights[f"features.{index}.weight"], weights[f"features.{index}.bias"] = folded
        index += not isinstance(layer, nn.BatchNorm2d)
    return weights


def conv_features(network, images, statistics):
    """Return the conv features of uint8 images at INPUT_PX: (N, 9216)."""
    device, features = next(network.parameters()).device, []
    for batch in images.split(64):
        inputs = F.interpolate(
            standardise_grey(batch.to(device), statistics), size=INPUT_PX, mode="bilinear"
        )
        features.append(network.avgpool(network.features(inputs)).flatten(1).cpu())
    return torch.cat(features)


def cosine_waves(side):
    """Return the discrete cosine transform's waves over side x side places, and their weights.

    Waves (side * side, side * side) are one per row, of length 1. Weights (side * side,) are 1 for
    what is the same everywhere and less for what changes quickly from place to place: scenes are
    told apart by what there is, more than by where exactly.
    """
    places = torch.arange(side)
    wave = torch.cos(math.pi * (places + 0.5) * places[:, None] / side)  # (frequency, place)
    wave /= wave.norm(dim=1, keepdim=True)
    frequencies = torch.cartesian_prod(places, places)  # (side * side, 2): down, across
    return torch.kron(wave, wave), (1 + frequencies.square().sum(dim=1)) ** -0.5


def loudest_directions(features, num_directions):
    """Return where conv features (N, 9216) of mean 0 vary most, as (directions, waves).

    Directions (D, 256) are over channels, waves (D, 36) over places. The waves are hardly
    correlated, so each has principal directions (PCA) of its own. They are scaled so that a
    direction's answer has a standard deviation of 1 on average.
    """
    waves, weights = cosine_waves(6)
    answers = features.unflatten(1, (256, 36)) @ (waves * weights[:, None]).T  # (N, 256, 36)
    # Shape: (36, 256, 256).
    covariances = torch.stack([part.T @ part for part in answers.unbind(dim=2)]) / len(features)
    variances, directions = torch.linalg.eigh(covariances)  # (36, 256), (36, 256, 256): in columns
    loudest = variances.flatten().topk(num_directions)
    wave, column = loudest.indices // 256, loudest.indices % 256
    scale = (weights[wave] / loudest.values.mean().sqrt())[:, None]
    return scale * directions[wave, :, column], waves[wave]


def random_units(num_directions):
    """Return random units (2048, D) in blocks of D orthogonal ones, which overlap less."""
    blocks = [
        torch.linalg.qr(torch.randn(num_directions, num_directions)).Q
        for _ in range(2048 // num_directions)
    ]
    return torch.cat(blocks)


def open_linear_layers(features, config):
    """Return factors of fc6 and fc7 that pass on the conv features.

    Trained layers pass on only what separates 16 classes. fc6 keeps the directions in which conv
    features (N, 9216) vary most and shows them to random units, as random features do (Rahimi &
    Recht, 2007), each unit v with a twin -v. Since relu(v x) - relu(-v x) = v x, fc7 finds the
    directions again, exactly, and shows them to units of its own. `small_weights` multiplies out.
    """
    mean = features.mean(dim=0)  # (9216,)
    directions, waves = loudest_directions(features - mean, config.num_directions)
    factors = {
        "directions": directions, "waves": waves,
        "fc6.units": random_units(config.num_directions), "fc7.units": random_units(config.num_directions),
    }  # fmt: skip
    fc6, _ = multiply_out(factors)
    return factors | {"classifier.1.bias": -fc6 @ mean, "classifier.4.bias": torch.zeros(4096)}


def linear_head(features, labels, num_classes):
    """Return weight and bias of the ridge regression from features (N, 4096) to one-hot labels."""
    targets = F.one_hot(labels, num_classes).float()
    centred, middle = features - features.mean(dim=0), targets.mean(dim=0)
    covariance = centred.T @ centred / len(features)  # (4096, 4096)
    ridge = covariance + 0.1 * covariance.diagonal().mean() * torch.eye(len(covariance))
    # Shape: (num_classes, 4096).
    weight = torch.linalg.solve(ridge, centred.T @ (targets - middle) / len(features)).T
    return {
        "classifier.6.weight": weight,
        "classifier.6.bias": middle - weight @ features.mean(dim=0),
    }


def linear_features(features, weights):
    """Return fc7's output (N, 4096) for conv features (N, 9216)."""
    fc6, fc7 = multiply_out(weights)
    features = F.relu(features @ fc6.T + weights["classifier.1.bias"])
    return F.relu(features @ fc7.T + weights["classifier.4.bias"])


@torch.no_grad()
def small_weights_of(network, train_set, statistics, num_classes, config):
    """Return a trained network as small weights, in half precision.

    Batch norm is folded into the conv layers; the linear layers are opened.
    """
    torch.manual_seed(config.seed)
    network.eval()
    images, labels = (part[: config.num_for_pca] for part in train_set)
    mirrored = torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images, images.flip(-1))
    features = conv_features(network, mirrored, statistics)
    weights = open_linear_layers(features, config)
    weights |= linear_head(linear_features(features, weights), labels, num_classes)
    weights |= folded_features(network)
    return {name: p.half().cpu().contiguous() for name, p in weights.items()}
