"""exercise -> raise or one line: the checks of Part 8, on fine-tuning."""

import torch
from torch import nn

from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, expect, passed
from helpers.exercises.hints import hint as hint
from helpers.models import num_parameters


class _TrainedNetwork(nn.Module):
    """A network in AlexNet's form, with a last layer for 16 classes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(8)
        self.features = nn.Sequential(nn.Conv2d(1, 3, 5), nn.ReLU(), nn.Flatten())
        self.classifier = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 16))

    def forward(self, images):
        return self.classifier(self.features(images))


@knows_mistakes("prepare_for_fine_tuning")
def check_prepare_for_fine_tuning(function):
    """Check which layers are frozen and unchanged, and that a step changes only the new one."""
    for num_classes in (15, 4):
        network = _TrainedNetwork()
        before = {name: p.clone() for name, p in network.named_parameters()}
        result = function(network, num_classes)
        expect(
            isinstance(result, nn.Module),
            f"prepare_for_fine_tuning: expected the network to be returned, got {type(result).__name__}.",
        )
        case = f"with {num_classes} classes"
        compare(
            f"the logits' shape for 5 images {case}",
            result(torch.randn(5, 1, 6, 6)).shape,
            (5, num_classes),
        )
        trainable = num_parameters(result, trainable_only=True)
        compare(
            f"the number of trainable parameters {case}", trainable, 8 * num_classes + num_classes
        )
        last = result.classifier[-1]
        expect(
            all(p.requires_grad for p in last.parameters()),
            f"prepare_for_fine_tuning {case}: expected the new last layer to be trainable, got other layers.",
        )
        for name, p in result.named_parameters():
            if not name.startswith("classifier.2."):
                compare(
                    f"the frozen weights {name}, which must stay as they were",
                    p,
                    before[name],
                    tolerance=0,
                )
    passed("prepare_for_fine_tuning")
