"""Every check: the workbook's own solution passes, plausible wrong answers raise.

The error says what was expected and what it got.
"""

from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torchvision.transforms import v2

from helpers.exercises.cells import import_of_checks, name_of, read_notebooks
from helpers.exercises.checks.tools import CheckFailed

NOTEBOOKS = read_notebooks()
HOMES = {  # exercise: the stem of its notebook
    name_of(cell): stem
    for stem, notebook in NOTEBOOKS.items()
    for cell in notebook.cells
    if "exercise" in cell.metadata.get("tags", [])
}
SOURCES = {
    name_of(cell): cell.source
    for notebook in NOTEBOOKS.values()
    for cell in notebook.cells
    if "exercise" in cell.metadata.get("tags", [])
}


def check(name, function):
    """Call the check of an exercise, as its notebook does."""
    scope = {}
    exec(import_of_checks(HOMES[name]), scope)
    getattr(scope["checks"], f"check_{name}")(function)


def _run(source, name):
    scope = {"np": np, "torch": torch, "nn": nn, "F": F, "Image": Image, "v2": v2}
    exec(source, scope)
    return scope[name]


@pytest.mark.parametrize("name", SOURCES)
def test_the_workbooks_solution_passes_with_one_fixed_line(name, capsys):
    check(name, _run(SOURCES[name], name))
    assert capsys.readouterr().out == f"{name}: right\n"


@pytest.mark.parametrize("name", SOURCES)
def test_an_answer_of_none_is_refused_in_a_sentence(name):
    with pytest.raises(CheckFailed, match="expected|return"):
        check(name, lambda *args, **kwargs: None)


# Plausible mistakes: (exercise, what the solution says, what a student might say in its place, what
# the check says).
MISTAKES = [
    ("distillation_loss", "temperature**2 * ", "", "temperature 2"),
    ("distillation_loss", "teacher_logits / temperature", "teacher_logits", "temperature 2"),
    ("distillation_loss", "student_logits / temperature", "student_logits", "temperature 2"),
    ("distillation_loss", ".sum(dim=1).mean()", ".mean()", "temperature 1"),
    ("distillation_loss", "(teacher - student)", "-student", "expected"),
    ("distillation_loss", "teacher.exp()", "student.exp()", "temperature 1"),
    ("agreement", ".mean()", ".sum()", "the agreement"),
    (
        "agreement",
        "first_logits.argmax(dim=1) == second_logits.argmax(dim=1)",
        "(first_logits - second_logits).abs().amax(dim=1) < 0.01",
        "the agreement",
    ),
    ("affine_parameters", "min(low, 0.0), max(high, 0.0)", "low, high", "0 itself"),
    ("affine_parameters", "/ 255", "/ 256", "scale"),
    ("affine_parameters", "round(-low / scale)", "round(low / scale)", "zero point"),
    ("quantise", ".clamp(0, 255)", "", "codes"),
    ("quantise", ".round()", "", "codes"),
    ("quantise", "+ zero_point", "", "codes"),
    ("dequantise", ".float() - zero_point", " - zero_point", "values"),
    ("dequantise", "- zero_point", "", "values"),
    (
        "confusion_matrix",
        "labels * num_classes + predictions",
        "predictions * num_classes + labels",
        "rows for true",
    ),
    ("confusion_matrix", "return counts.view(num_classes, num_classes)", "return counts", "shape"),
    ("running_mean_and_std", "(squares / n)", "(squares / (n - 1))", "standard deviation"),
    ("running_mean_and_std", " + delta**2 * n * len(batch) / total", "", "standard deviation"),
    (
        "running_mean_and_std",
        "mean += delta * len(batch) / total",
        "mean += delta / 2",
        "mean over",
    ),
    ("standardise", "images.float() / 255", "images.float()", "standardised"),
    ("standardise", "/ std", "/ std**2", "standardised"),
    ("standardise", "images.float() / 255", "images.double() / 255", "float32"),
    ("output_size", "2 * padding", "padding", "output_size"),
    ("output_size", "// stride", "/ stride", "expected an int"),
    ("num_conv_parameters", " + 1)", ")", "num_conv_parameters"),
    ("num_conv_parameters", "kernel_size**2 + 1", "kernel_size + 1", "num_conv_parameters"),
    ("build_deeper_net", "nn.Conv2d(16, 32, 3)", "nn.Conv2d(16, 32, 3, bias=False)", "60303"),
    ("build_deeper_net", "nn.Linear(64, 15)", "nn.Linear(64, 16)", "parameters"),
    ("log_sum_exp", "logits.amax(dim=1, keepdim=True)", "logits[:, :1] * 0", "near"),
    (
        "log_sum_exp",
        "logits.amax(dim=1, keepdim=True)",
        "logits.max().expand(len(logits), 1)",
        "far apart",
    ),
    ("log_sum_exp", "sum(dim=1)", "mean(dim=1)", "logits"),
    ("cross_entropy", "- true_logits", "+ true_logits", "mean"),
    ("cross_entropy", "losses.sum()", "losses.mean()", "sum"),
    ("cross_entropy", "torch.logsumexp(logits, dim=1)", "logits.exp().sum(dim=1).log()", "10,000"),
    ("gradient_descent", "(2 * path[-1] - 10)", "(2 * path[-1] + 10)", "path"),
    ("gradient_descent", "return path", "return path[1:]", "shape"),
    ("sgd_step", " + weight_decay * weight", "", "weight decay 0.1"),
    (
        "sgd_step",
        "return weight - learning_rate * velocity",
        "return weight.sub_(learning_rate * velocity)",
        "changed",
    ),
    (
        "accumulated_step",
        "(num_chunks), labels.chunk(num_chunks)",
        "(1), labels.chunk(1)",
        "at a time",
    ),
    ("build_deeper_net", ", nn.ReLU()", "", "4 ReLU"),
    (
        "sgd_step",
        "momentum * velocity + gradient",
        "momentum * velocity + (1 - momentum) * gradient",
        "momentum 0.9",
    ),
    ("accumulated_step", "optimizer.zero_grad()\n    ", "", "weights"),
    ("accumulated_step", 'reduction="sum") / len(labels)', ") / num_chunks", "in 4 chunks"),
    ("accuracy", "model.eval()\n    ", "", "dropout off"),
    ("accuracy", "num_images += len(batch.labels)", "num_images += 10", "accuracy"),
    (
        "random_flip",
        "torch.rand(len(images)) < p",
        "torch.rand(1).expand(len(images)) < p",
        "one for all",
    ),
    ("random_flip", "images.flip(3)", "images.flip(2)", "left to right"),
    ("random_light", "len(images), 1, 1, 1) - 1)\n    b", "1, 1, 1, 1) - 1)\n    b", "one for all"),
    ("random_light", "a * images + b", "a * (images + b)", "what is added"),
    ("dropout", " / (1 - p)", "", "keeps"),
    ("dropout", ">= p", "< p", "zero"),
    ("dropout", "if not training:", "if training:", "dropout"),
    ("prepare_for_fine_tuning", "model.requires_grad_(False)\n    ", "", "trainable parameters"),
    (
        "prepare_for_fine_tuning",
        "return model",
        "return model.requires_grad_(False)",
        "trainable parameters",
    ),
    ("prepare_for_fine_tuning", "num_classes)\n    return", "15)\n    return", "4 classes"),
]

# Mistakes with a name: (exercise, what the solution says, what a student might say in its place,
# what the check says, what the mistake does, a question that leads on).
DESCRIBED = [
    (
        "softmax_gradient",
        " / len(labels)",
        "",
        "mean loss of 7",
        "is the gradient of the sum of the losses",
        "Your values are too large by the same factor everywhere. Which one?",
    ),
    (
        "softmax_gradient",
        "logits.softmax(dim=1) - truth",
        "truth - logits.softmax(dim=1)",
        "mean loss of 7",
        "has the opposite sign",
        "In which direction does the loss rise when the true logit grows?",
    ),
    (
        "softmax_gradient",
        "softmax(dim=1)",
        "softmax(dim=0)",
        "mean loss of 7",
        "takes the softmax over the images",
        "Whose probabilities should add up to 1: those of an image, or those of a class?",
    ),
    (
        "softmax_gradient",
        "(logits.softmax(dim=1) - truth)",
        "logits.softmax(dim=1)",
        "mean loss of 7",
        "is the gradient of log-sum-exp alone",
        "The loss has two terms. What is the slope of the second?",
    ),
    (
        "softmax_gradient",
        "/ len(labels)",
        "/ logits.numel()",
        "mean loss of 7",
        "divides by the number of all logits",
        "Over what is the mean loss a mean?",
    ),
    (
        "softmax_gradient",
        "logits.softmax(dim=1) - truth",
        "logits - truth",
        "mean loss of 7",
        "takes the logits themselves for probabilities",
        "What turns logits into something that adds up to 1?",
    ),
    (
        "numerical_gradient",
        "        below.view(-1)[i] -= step\n",
        "",
        "step 0.5",
        "never goes down, and still divides by both steps",
        "How far apart are the two places that you compare?",
    ),
    (
        "numerical_gradient",
        "function(below)) / (2 * step)",
        "function(values)) / step",
        "step 0.5",
        "compares with the place itself: differences on one side",
        "What is the error of a slope that looks only ahead, where the function bends?",
    ),
    (
        "numerical_gradient",
        "(2 * step)",
        "step",
        "step 0.5",
        "divides by one step",
        "How far apart are the two places that you compare?",
    ),
    (
        "numerical_gradient",
        "function(above) - function(below)",
        "function(below) - function(above)",
        "step 0.5",
        "has the opposite sign",
        "If the function rises on the way up, should the slope be positive or negative?",
    ),
    (
        "numerical_gradient",
        "values.clone(), values.clone()",
        "values, values",
        "step 0.5",
        "moves the values themselves, so that both places are one",
        "How many tensors are there, if two names stand for the same one?",
    ),
    (
        "numerical_gradient",
        "torch.zeros_like(values)",
        "torch.zeros(values.numel(), dtype=values.dtype)",
        "shape",
        "returns a row, whatever the shape of the values",
        "Which shape should a gradient have?",
    ),
    (
        "backward",
        " * (before > 0)",
        "",
        "gradient of w1",
        "lets everything back through the ReLU",
        "What happens to the loss if you change an input of ReLU that lies below 0?",
    ),
    (
        "backward",
        "(before > 0)",
        "(upstream @ w2 > 0)",
        "gradient of w1",
        "asks whether the gradient is positive, not the input of the ReLU",
        "Which of two numbers decides whether a ReLU is open?",
    ),
    (
        "backward",
        "before.clamp(min=0)",
        "before",
        "gradient of w2",
        "multiplies by what goes into the ReLU",
        "What is the input of the second layer?",
    ),
    (
        "backward",
        ".sum(dim=0)",
        ".mean(dim=0)",
        "gradient of b1",
        "takes the mean over the batch for the biases",
        "A bias is added to every input of the batch. How do the ways to the loss combine?",
    ),
    (
        "backward",
        "upstream.T @ hidden",
        "hidden.T @ upstream",
        "shape",
        "transposes the gradient of w2",
        "Which shape has w2, and which has your gradient?",
    ),
    (
        "backward",
        "inputs @ w1.T + b1",
        "inputs @ w1.T",
        "gradient of w1",
        "leaves out the bias on the way forward",
        "What exactly goes into the ReLU?",
    ),
    (
        "train_one_epoch",
        "model.train()\n    ",
        "",
        "train\\(\\)",
        "leaves the network in evaluation",
        "What did the last evaluation leave behind in the network?",
    ),
    (
        "train_one_epoch",
        "optimizer.zero_grad()\n        ",
        "",
        "mean loss",
        "lets the gradients of all batches add up",
        "What does backward do with the gradients that are already there?",
    ),
    (
        "train_one_epoch",
        "loss.backward()\n        ",
        "",
        "mean loss",
        "takes steps without new gradients",
        "Where do the gradients come from that the optimizer uses?",
    ),
    (
        "train_one_epoch",
        "optimizer.step()\n        ",
        "",
        "mean loss",
        "never changes the weights",
        "What turns gradients into other weights?",
    ),
    (
        "train_one_epoch",
        "loss.item() * len(batch.labels)\n        num_images += len(batch.labels)",
        "loss.item()\n        num_images += 1",
        "mean loss",
        "takes the mean over batches, not over images",
        "Does an image of the small last batch count as much as another?",
    ),
    (
        "train_one_epoch",
        "    return total / num_images",
        "        return total / num_images",
        "mean loss",
        "returns after the first batch",
        "How far is the last line indented?",
    ),
    (
        "train_one_epoch",
        "return total / num_images",
        "return total",
        "mean loss",
        "returns the sum of the losses",
        "Is your number larger with more images?",
    ),
    (
        "ImageFiles",
        '.convert("L")',
        "",
        "shape",
        "leaves pictures in colour as they are",
        "How many numbers has a pixel of a picture in colour?",
    ),
    (
        "ImageFiles",
        ".float() / 255",
        ".float()",
        "image of file",
        "returns grey levels up to 255",
        "Between which two numbers should white and black lie?",
    ),
    (
        "ImageFiles",
        "pixels[None]",
        "pixels",
        "shape",
        "leaves out the axis of the channels",
        "Which shape does a convolution expect of an image?",
    ),
    (
        "ImageFiles",
        ", self.labels[index]",
        "",
        "return two things",
        "returns the image alone",
        "What does a training step need besides the image?",
    ),
    (
        "ImageFiles",
        "self.labels[index]",
        "index",
        "label of file",
        "returns the number of the picture in place of its label",
        "What does the number of a file say about its class?",
    ),
    (
        "ImageFiles",
        "self.paths, self.labels = paths, labels",
        "self.paths, self.labels = [str(Image.open(p).filename) for p in paths], labels",
        "asked for",
        "opens all files at once",
        "How many files should be open before the first picture is asked for?",
    ),
    (
        "ImageFiles",
        ".float()",
        ".double()",
        "float32",
        "returns numbers of 64 bits",
        "Of which type are the weights of a network?",
    ),
    (
        "ImageFiles",
        "np.array(grey)",
        "np.array(grey).T",
        "shape",
        "exchanges height and width",
        "Which of its two sides does an array of a picture have first?",
    ),
    (
        "get_data_augmentation_transforms",
        "v2.RandomHorizontalFlip(p=0.5)",
        "v2.RandomVerticalFlip(p=0.5)",
        "mirrored left to right",
        "mirrors up and down",
        "Where is the sky in your pictures?",
    ),
    (
        "get_data_augmentation_transforms",
        "light, *to_float",
        "*to_float, light",
        "brightness",
        "changes the light after normalising",
        "What does brightness mean for numbers below 0?",
    ),
    (
        "get_data_augmentation_transforms",
        "scale=True",
        "scale=False",
        "grey levels of 0 to 1",
        "leaves grey levels up to 255",
        "From which range of numbers do the mean and the deviation come?",
    ),
    (
        "get_data_augmentation_transforms",
        "scale=(0.5, 1.0), ",
        "",
        "half of the area",
        "cuts crops as small as the library does by default",
        "How small may a crop become? Look at the default in the documentation.",
    ),
    (
        "get_data_augmentation_transforms",
        ", v2.Normalize([mean], [std])",
        "",
        "brightness",
        "never normalises",
        "What are the last two arguments for?",
    ),
    (
        "get_data_augmentation_transforms",
        "v2.Grayscale(), ",
        "",
        "shape",
        "leaves pictures in colour as they are",
        "How many channels does a picture in colour have?",
    ),
    (
        "get_data_augmentation_transforms",
        ", contrast=0.3",
        "",
        "contrast",
        "changes the brightness alone",
        "Which two things should happen to the light?",
    ),
    (
        "get_data_augmentation_transforms",
        "degrees=12",
        "degrees=0",
        "turns",
        "never turns a picture",
        "What did you give as the largest angle?",
    ),
    (
        "get_data_augmentation_transforms",
        "v2.RandomResizedCrop(size, scale=(0.5, 1.0), ratio=(1.0, 1.0), antialias=True)",
        "v2.Resize((size, size))",
        "crops of different sizes",
        "scales the whole picture and never cuts a crop",
        "How do pictures look that were taken from nearer?",
    ),
    (
        "SmallNetDropout",
        "nn.Dropout(rate), nn.Linear(16 * 9 * 9",
        "nn.Linear(16 * 9 * 9",
        "linear layer 1 in training",
        "has no dropout before the first linear layer",
        "Where should dropout stand, and how often?",
    ),
    (
        "SmallNetDropout",
        "*hidden, nn.Dropout(rate), ",
        "*hidden, ",
        "linear layer 2 in training",
        "has no dropout before the last layer",
        "Where should dropout stand, and how often?",
    ),
    (
        "SmallNetDropout",
        "nn.Dropout(rate)",
        "nn.Dropout(0.5)",
        "linear layer 1 in training",
        "always drops a half, whatever the rate",
        "Which of the arguments have you not used?",
    ),
    (
        "SmallNetDropout",
        "nn.Linear(40, num_classes)",
        "nn.Linear(40, 15)",
        "6 classes",
        "always has 15 outputs",
        "Which of the arguments have you not used?",
    ),
    (
        "SmallNetDropout",
        "nn.Dropout(rate), nn.Linear(40, num_classes)",
        "nn.Linear(40, num_classes), nn.Dropout(rate)",
        "linear layer 2 in training",
        "drops logits",
        "What happens to the loss when the logit of the true class is dropped?",
    ),
    (
        "SmallNetDropout",
        "nn.MaxPool2d(3), nn.ReLU()",
        "nn.MaxPool2d(3)",
        "behind a ReLU",
        "has no ReLU behind the second convolution",
        "What follows each convolution in the table?",
    ),
    (
        "SmallNetDropout",
        "nn.Conv2d(8, 16, 3)",
        "nn.Conv2d(8, 16, 3, bias=False)",
        "parameters",
        "has a convolution without bias",
        "Which of your layers has fewer numbers than in Part 2?",
    ),
    (
        "batch_norm",
        " * n / (n - 1)",
        "",
        "running variance in training",
        "keeps a running variance that is divided by n",
        "Which of the two variances enters the running one?",
    ),
    (
        "batch_norm",
        ", correction=0",
        "",
        "result in training",
        "normalises by a variance that is divided by n - 1",
        "By what does the library's var divide if you do not tell it otherwise?",
    ),
    (
        "batch_norm",
        "(1 - momentum) * running_mean + momentum * mean",
        "momentum * running_mean + (1 - momentum) * mean",
        "running mean in training",
        "exchanges the shares of the old mean and the new",
        "How fast should an average forget, if the momentum is 0.1?",
    ),
    (
        "batch_norm",
        "if training:",
        "if True:",
        "result in evaluation",
        "uses the batch at evaluation, too",
        "What is the variance of a channel if one picture of one pixel comes in?",
    ),
    (
        "batch_norm",
        "(var.view(per_channel) + eps).sqrt()",
        "(var.view(per_channel).sqrt() + eps)",
        "'eps': 0.1",
        "adds eps outside the root",
        "What exactly stands under the root in the formula?",
    ),
    (
        "batch_norm",
        "(var.view(per_channel) + eps).sqrt()",
        "(var.view(per_channel) + eps)",
        "result in training",
        "divides by the variance",
        "In which unit is a variance, in which the values?",
    ),
    (
        "batch_norm",
        " * weight.view(per_channel) + bias.view(per_channel)",
        "",
        "result in training",
        "leaves out the weight and the bias",
        "What is learned in this layer?",
    ),
    (
        "batch_norm",
        "        running_mean = (1 - momentum) * running_mean + momentum * mean\n",
        "        running_mean.mul_(1 - momentum).add_(momentum * mean)\n",
        "changed",
        "changes the running mean that is passed in",
        "Which operations of a tensor leave the tensor itself as it was?",
    ),
    (
        "build_inverted_residual",
        "AddInput(nn.Sequential(*depthwise, *widen, *back))",
        "nn.Sequential(*depthwise, *widen, *back)",
        "last weights are 0",
        "has no skip connection",
        "What comes out of a residual block whose layers give 0?",
    ),
    (
        "build_inverted_residual",
        '"groups": channels, ',
        "",
        "parameters",
        "mixes all channels in the first convolution",
        "How many kernels has a depthwise convolution for each output channel?",
    ),
    (
        "build_inverted_residual",
        '"padding": kernel_px // 2, ',
        "",
        "got an error",
        "makes the picture smaller, so that it cannot be added",
        "How large is the picture behind a convolution without padding?",
    ),
    (
        "build_inverted_residual",
        "nn.Conv2d(channels, wide, 1, bias=False)",
        "nn.Conv2d(channels, wide, 1)",
        "parameters",
        "has a convolution with bias before batch norm",
        "What happens to a bias when the mean is subtracted right after it?",
    ),
    (
        "build_inverted_residual",
        "*back))",
        "*back, nn.ReLU()))",
        "input - 1",
        "has a ReLU at the end of its layers",
        "Could such a block ever make a value smaller?",
    ),
    (
        "build_inverted_residual",
        ", nn.ReLU()",
        "",
        "expected a ReLU",
        "has no ReLU",
        "What is a chain of linear layers, with nothing between them?",
    ),
    (
        "build_inverted_residual",
        "wide = expansion * channels",
        "wide = channels // expansion",
        "parameters",
        "is narrow in the middle instead of wide",
        "Where is an inverted residual block wide?",
    ),
    (
        "standard_error",
        "ddof=1",
        "ddof=0",
        "standard error",
        "divides by n",
        "By what do you divide when the mean was computed from the same values?",
    ),
    (
        "standard_error",
        "len(values) ** 0.5",
        "len(values)",
        "standard error",
        "divides by the number of runs, not by its root",
        "How much less than a single run does a mean of four runs scatter?",
    ),
    (
        "standard_error",
        " / len(values) ** 0.5",
        "",
        "standard error",
        "is the standard deviation of a single run",
        "Should your number become smaller with more runs?",
    ),
    (
        "standard_error",
        "values.std(ddof=1)",
        "values.var(ddof=1)",
        "standard error",
        "starts from the variance",
        "In which unit is a variance?",
    ),
    (
        "standard_error",
        "len(values) ** 0.5",
        "(len(values) - 1) ** 0.5",
        "standard error",
        "takes 1 off the number of runs twice",
        "Where does the 1 belong that is taken off?",
    ),
    (
        "paired_comparison",
        "differences.std(ddof=1) / len(differences) ** 0.5",
        "(np.var(first, ddof=1) / len(first) + np.var(second, ddof=1) / len(second)) ** 0.5",
        "its standard error",
        "treats the runs as if they had different seeds",
        "What cancels if you compare run with run first?",
    ),
    (
        "paired_comparison",
        "differences.mean()",
        "-differences.mean()",
        "mean difference",
        "subtracts the first from the second",
        "Which of the two should be better if your number is positive?",
    ),
    (
        "paired_comparison",
        "ddof=1",
        "ddof=0",
        "its standard error",
        "divides by n",
        "By what do you divide when the mean was computed from the same values?",
    ),
    (
        "paired_comparison",
        " / len(differences) ** 0.5",
        "",
        "its standard error",
        "is the standard deviation of the differences",
        "Should your number become smaller with more seeds?",
    ),
    (
        "paired_comparison",
        "np.asarray(first, dtype=float) - np.asarray(second, dtype=float)",
        "abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float))",
        "mean difference",
        "drops the sign of each difference",
        "What should the mean be if each wins as often as the other?",
    ),
    (
        "paired_comparison",
        "np.asarray(first, dtype=float) - np.asarray(second, dtype=float)",
        "np.sort(first) - np.sort(second)",
        "its standard error",
        "sorts the runs, so that pairs are torn apart",
        "Which run belongs to which?",
    ),
    (
        "int8_matmul",
        "a_codes.int() - a_zero_point",
        "(a_codes - a_zero_point).int()",
        "the sums",
        "subtracts the zero point in uint8",
        "What is 3 - 10 in a type without negative numbers?",
    ),
    (
        "int8_matmul",
        " - b_zero_point",
        "",
        "the sums",
        "leaves out the second zero point",
        "For which value does a code of 0 stand?",
    ),
    (
        "int8_matmul",
        "(a_scale * b_scale)",
        "a_scale",
        "the values",
        "leaves out the second scale",
        "Which factors can be taken out of the sum?",
    ),
    (
        "int8_matmul",
        "(a_scale * b_scale)",
        "(a_scale + b_scale)",
        "the values",
        "adds the scales",
        "Which factors can be taken out of the sum?",
    ),
    (
        "int8_matmul",
        ".int()",
        ".short()",
        "the sums",
        "adds up in 16 bits",
        "How large can a sum of many products of codes become?",
    ),
    (
        "int8_matmul",
        ".int()",
        ".float()",
        "whole numbers",
        "computes with floats",
        "Which type do the codes have when you multiply them?",
    ),
    (
        "fit_temperature",
        "logits / t",
        "logits * t",
        "temperature where",
        "multiplies by the temperature",
        "Does a high temperature make a network more sure, or less?",
    ),
    (
        "fit_temperature",
        ".argmin()",
        ".argmax()",
        "temperature where",
        "takes the largest loss",
        "Which loss do you look for?",
    ),
    (
        "fit_temperature",
        "temperatures[torch.stack(losses).argmin()].item()",
        "torch.stack(losses).min().item()",
        "temperature where",
        "returns the loss",
        "What was found, and where was it found?",
    ),
    (
        "fit_temperature",
        "-1, 1, 401",
        "-1, 1, 7",
        "temperature where",
        "tries so few temperatures that the best lies between them",
        "How far apart are two temperatures that you try?",
    ),
    (
        "fit_temperature",
        "-1, 1, 401",
        "0, 1, 401",
        "temperature where",
        "tries no temperature below 1",
        "What does a network need that is not sure enough?",
    ),
    (
        "fit_temperature",
        "F.cross_entropy(logits / t, labels)",
        "((logits / t).argmax(dim=1) != labels).double().mean()",
        "temperature where",
        "counts mistakes",
        "Does a temperature change any answer?",
    ),
    (
        "fit_temperature",
        "F.cross_entropy(logits / t, labels)",
        "F.cross_entropy((logits / t).softmax(dim=1), labels)",
        "temperature where",
        "applies the softmax twice",
        "What does the library's cross-entropy do with what it is given?",
    ),
]
MISTAKES += [mistake[:4] for mistake in DESCRIBED]


@pytest.mark.parametrize(("name", "right", "wrong", "message"), MISTAKES)
def test_a_plausible_mistake_is_refused(name, right, wrong, message):
    assert right in SOURCES[name], "the mistake must be made in the solution as it stands"
    with pytest.raises(CheckFailed, match=message):
        check(name, _run(SOURCES[name].replace(right, wrong), name))


@pytest.mark.parametrize("mistake", DESCRIBED)
def test_a_description_says_what_a_mistake_does_and_asks_without_telling(mistake):
    name, right, _, _, does, ask = mistake
    assert does[0].islower() and not does.endswith(".") and ask[0].isupper()
    assert ask.endswith(("?", ".")) and len(does) < 100 and len(ask) < 160
    assert right.strip() not in does + ask


def test_every_new_exercise_has_five_described_mistakes():
    counts = Counter(mistake[0] for mistake in DESCRIBED)
    assert min(counts.values()) >= 5


def test_every_exercise_has_two_plausible_mistakes():
    assert {
        name for name in SOURCES if sum(name == mistake[0] for mistake in MISTAKES) < 2
    } == set()


def test_a_mean_of_batch_accuracies_is_refused():
    def accuracy(model, batches):
        model.eval()
        return float(
            np.mean([(model(b.images).argmax(1) == b.labels).float().mean() for b in batches])
        )

    with pytest.raises(CheckFailed, match="expected 0.478.*got"):
        check("accuracy", accuracy)


def test_a_sum_of_squares_that_reads_the_batches_twice_is_refused():
    def two_passes(batches):
        values = np.concatenate(list(batches))
        return values.mean(), np.concatenate(list(batches)).std()

    with pytest.raises(CheckFailed, match="raised ValueError.*nothing is left"):
        check("running_mean_and_std", two_passes)
