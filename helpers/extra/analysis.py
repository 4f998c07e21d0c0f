"""predictions -> numbers: where a network fails, how sure it is, whether two networks differ."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy.stats import binomtest
from sklearn import metrics

from helpers.training import predict


@dataclass(frozen=True)
class Predictions:
    """A network's predictions for labelled images."""

    labels: np.ndarray  # (N,) the true classes
    probabilities: np.ndarray  # (N, C)

    @property
    def answers(self):
        """The most probable class of each image: (N,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidences(self):
        """The probability of each answer: (N,)."""
        return self.probabilities.max(axis=1)

    @property
    def is_right(self):
        """Whether each answer is the true class: (N,) bool."""
        return self.answers == self.labels


def predictions_of(model, split):
    """Return the Predictions of a model for a Split of images as it takes them."""
    probabilities = predict(model, split.images.to(next(model.parameters()).device)).softmax(dim=1)
    return Predictions(split.labels.numpy(), probabilities.cpu().double().numpy())


# --- numbers --------------------------------------------------------------------------------------


def scores(predictions):
    """Return {name: number} of what accuracy alone hides; all but `ece` are better when larger.

    Source: scikit-learn's metrics; `ece` is Guo et al. (2017), 10 bins.
    """
    labels, answers, count = (
        predictions.labels,
        predictions.answers,
        predictions.probabilities.shape[1],
    )
    return {
        "accuracy": metrics.accuracy_score(labels, answers),
        "balanced accuracy": metrics.balanced_accuracy_score(labels, answers),
        "top-3 accuracy": metrics.top_k_accuracy_score(
            labels, predictions.probabilities, k=3, labels=range(count)
        ),
        "macro F1": metrics.f1_score(labels, answers, average="macro", zero_division=0),
        "Cohen's kappa": metrics.cohen_kappa_score(labels, answers),
        "ece": expected_calibration_error(predictions),
    }


def per_class(predictions, class_names):
    """Return a table of each class's precision, recall, F1 and image count, lowest F1 first."""
    columns = metrics.precision_recall_fscore_support(
        predictions.labels, predictions.answers, labels=range(len(class_names)), zero_division=0
    )
    table = pd.DataFrame(
        dict(zip(("precision", "recall", "F1", "images"), columns)), index=class_names
    )
    return table.sort_values("F1")


def confidence_interval(predictions, draws=2000, seed=0):
    """Return (low, high), the accuracy's 95% interval by bootstrap.

    Images are drawn again with replacement.
    """
    generator = np.random.default_rng(seed)
    is_right = predictions.is_right
    means = is_right[generator.integers(0, len(is_right), (draws, len(is_right)))].mean(axis=1)
    return tuple(np.quantile(means, (0.025, 0.975)))


def mcnemar(first, second):
    """Return (images only the first gets right, only the second, p) by McNemar's exact test.

    Both networks have predicted the same images. p, by scipy's binomtest, is the probability of so
    uneven a count if both were equally good.
    """
    only_first = int((first.is_right & ~second.is_right).sum())
    only_second = int((second.is_right & ~first.is_right).sum())
    if only_first + only_second == 0:
        return 0, 0, 1.0
    return only_first, only_second, binomtest(only_first, only_first + only_second).pvalue


def reliability(predictions, num_bins=10):
    """Return a table of the confidence bins that hold images.

    Its columns are mean confidence, accuracy and the share of the images.
    """
    bins = np.minimum((predictions.confidences * num_bins).astype(int), num_bins - 1)
    table = pd.DataFrame(
        {"bin": bins, "confidence": predictions.confidences, "accuracy": predictions.is_right}
    )
    groups = table.groupby("bin")
    return groups.mean().assign(share=groups.size() / len(table))


def expected_calibration_error(predictions, num_bins=10):
    """Return the mean gap between confidence and accuracy over bins, weighted by images.

    Source: Guo et al. (2017).
    """
    table = reliability(predictions, num_bins)
    return float((table["share"] * (table["confidence"] - table["accuracy"]).abs()).sum())


def most_confused(predictions, class_names, count=8):
    """Return a table of the pairs of classes confused most often.

    Its columns are the true class, the predicted class, the images and their share of the true
    class.
    """
    matrix = metrics.confusion_matrix(
        predictions.labels, predictions.answers, labels=range(len(class_names))
    )
    sizes = matrix.sum(axis=1).clip(min=1)
    np.fill_diagonal(matrix, 0)
    order = np.argsort(matrix, axis=None, kind="stable")[::-1][:count]
    rows = [
        (class_names[i], class_names[j], matrix[i, j], matrix[i, j] / sizes[i])
        for i, j in zip(*np.unravel_index(order, matrix.shape))
        if matrix[i, j]
    ]
    return pd.DataFrame(rows, columns=["true", "predicted", "images", "share"])


def mistakes_by_confidence(predictions):
    """Return the indices of wrong answers, the most confident first."""
    wrong = np.flatnonzero(~predictions.is_right)
    return wrong[np.argsort(-predictions.confidences[wrong], kind="stable")]


# --- what did it look at --------------------------------------------------------------------------


def grad_cam(model, images, classes=None):
    """Return where AlexNet's last convolution supports a class: (B, H, W) in 0..1.

    `images` are grey (B, 1, H, W). The class is the network's own answer unless `classes` (B,) are
    given. Source: Selvaraju et al. (2017), "Grad-CAM".
    """
    model.eval()
    with torch.enable_grad():
        maps = model.features(model.prepare(images)).detach().requires_grad_(True)  # (B, 256, h, w)
        logits = model.classifier(model.avgpool(maps).flatten(1))  # (B, num_classes)
        classes = (
            logits.argmax(dim=1)
            if classes is None
            else torch.as_tensor(classes, device=logits.device)
        )
        (gradients,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), maps)
    weights = gradients.mean(dim=(2, 3), keepdim=True)  # (B, 256, 1, 1)
    heat = (weights * maps.detach()).sum(dim=1, keepdim=True).relu()  # (B, 1, h, w)
    heat = F.interpolate(heat, size=images.shape[-2:], mode="bilinear")[:, 0]
    return (heat / heat.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)).cpu()
