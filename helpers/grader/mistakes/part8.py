"""Mistakes in Part 8: a network prepared for fine-tuning."""

from functools import partial

from helpers.grader.mistakes.mistake import Mistake

_tune = partial(Mistake, "prepare_for_fine_tuning")

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
]
