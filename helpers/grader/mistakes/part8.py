"""Mistakes in Part 8: a network prepared for fine-tuning, batch norm, a residual block."""

from functools import partial

from helpers.grader.mistakes.mistake import PLACE, Mistake

_tune = partial(Mistake, "prepare_for_fine_tuning")
_norm = partial(Mistake, "batch_norm")
_block = partial(Mistake, "build_inverted_residual")

MISTAKES = [
    _tune(
        "model.requires_grad_(False)\n    ",
        "",
        "freezes nothing",
        "Which layers should an optimiser leave alone, and what tells it so?",
    ),
    _tune(
        "return model",
        "return model.requires_grad_(False)",
        "freezes the new layer, too",
        "In which order do you freeze and replace?",
    ),
    _tune(
        "num_classes)\n    return",
        "15)\n    return",
        "always builds a layer for 15 classes",
        "Which argument did you not use?",
    ),
    _tune(
        "",
        """def prepare_for_fine_tuning(model, num_classes):
    model.requires_grad_(False)
    model.classifier.append(nn.Linear(model.classifier[-1].out_features, num_classes))
    return model""",
        "adds a layer behind the last one",
        "The old last layer knows the old classes. Should it stay?",
    ),
    _tune(
        "model.requires_grad_(False)",
        "model.features.requires_grad_(False)",
        "freezes the convolutions only",
        "Besides the new one, which linear layers are there?",
    ),
    _tune(
        "\n    return model",
        "",
        "changes the network and returns nothing",
        "What does a function give back that has no `return`?",
    ),
    _tune(
        "num_classes)\n    return",
        "num_classes, bias=False)\n    return",
        "builds the new layer without biases",
        "What does `nn.Linear` learn besides its weights?",
    ),
    _tune(
        "last_layer.in_features, num_classes",
        "last_layer.out_features, num_classes",
        "gives the new layer as many inputs as the old one had outputs",
        "Which layer stands before it, and what does that one give?",
    ),
    _tune(
        "model.classifier[-1] = nn.Linear",
        "model.classifier = nn.Linear",
        "replaces the whole classifier",
        "How many layers does `model.classifier` have, and which of them do you want to replace?",
    ),
    _tune(
        "return model",
        "return model.classifier[-1]",
        "returns the new layer alone",
        "What should be trained later: the layer, or the network with it?",
    ),
    _norm(
        "    normal = (values",
        "    if not training:\n"
        "        n, axes = values.numel() / values.shape[1], (0, 2, 3)\n"
        "        running_mean = (1 - momentum) * running_mean + momentum * values.mean(axes)\n"
        "        running_var = (1 - momentum) * running_var + momentum * values.var(axes)\n"
        "    normal = (values",
        "brings the running averages up to date at evaluation, too",
        "In which mode does batch norm learn what the values are like?",
    ),
    _norm(
        "        running_mean = (1 - momentum) * running_mean + momentum * mean\n"
        "        running_var = (1 - momentum) * running_var + momentum * var * n / (n - 1)\n",
        "",
        "never changes the running averages",
        "What will normalise the values at evaluation?",
    ),
    _norm(
        "(var.view(per_channel) + eps).sqrt()",
        "var.view(per_channel).sqrt()",
        "leaves out eps",
        "What happens in a channel whose values are all the same?",
    ),
    _norm(
        " * n / (n - 1)",
        "",
        "keeps a running variance that is divided by n",
        "Which of the two variances enters the running one?",
    ),
    _norm(
        ", correction=0",
        "",
        "normalises by a variance that is divided by n - 1",
        "By what does the library's var divide if you do not tell it otherwise?",
    ),
    _norm(
        "(1 - momentum) * running_mean + momentum * mean",
        "momentum * running_mean + (1 - momentum) * mean",
        "exchanges the shares of the old mean and the new",
        "How fast should an average forget, if the momentum is 0.1?",
    ),
    _norm(
        "if training:",
        "if True:",
        "uses the batch at evaluation, too",
        "What is the variance of a channel if one picture of one pixel comes in?",
    ),
    _norm(
        "(var.view(per_channel) + eps).sqrt()",
        "(var.view(per_channel).sqrt() + eps)",
        "adds eps outside the root",
        "What exactly stands under the root in the formula?",
    ),
    _norm(
        "(var.view(per_channel) + eps).sqrt()",
        "(var.view(per_channel) + eps)",
        "divides by the variance",
        "In which unit is a variance, in which the values?",
    ),
    _norm(
        " * weight.view(per_channel) + bias.view(per_channel)",
        "",
        "leaves out the weight and the bias",
        "What is learned in this layer?",
    ),
    _norm(
        "        running_mean = (1 - momentum) * running_mean + momentum * mean\n",
        "        running_mean.mul_(1 - momentum).add_(momentum * mean)\n",
        "changes the running mean that is passed in",
        "Which operations of a tensor leave the tensor itself as it was?",
    ),
    _block(
        "AddInput(nn.Sequential(*depthwise, *widen, *back))",
        "nn.Sequential(*depthwise, *widen, *back)",
        "has no skip connection",
        "What comes out of a residual block whose layers give 0?",
    ),
    _block(
        '"groups": channels, ',
        "",
        "mixes all channels in the first convolution",
        "How many kernels has a depthwise convolution for each output channel?",
    ),
    _block(
        '"padding": kernel_px // 2, ',
        "",
        "changes the size of the picture, so that it cannot be added",
        "How large is the picture behind a convolution without padding?",
        by=PLACE,
    ),
    _block(
        "nn.Conv2d(channels, wide, 1, bias=False)",
        "nn.Conv2d(channels, wide, 1)",
        "has a convolution with bias before batch norm",
        "What happens to a bias when the mean is subtracted right after it?",
    ),
    _block(
        "*back))",
        "*back, nn.ReLU()))",
        "has a ReLU at the end of its layers",
        "Could such a block ever make a value smaller?",
    ),
    _block(
        ", nn.ReLU()",
        "",
        "has no ReLU before its last convolution",
        "What is a chain of linear layers, with nothing between them?",
    ),
    _block(
        "wide = expansion * channels",
        "wide = channels // expansion",
        "is narrow in the middle instead of wide",
        "Where is an inverted residual block wide?",
    ),
]
