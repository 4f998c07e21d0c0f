"""exercise -> raise or one line: the checks of Part 8, on fine-tuning."""

import torch
from torch import nn

from helpers.exercises.checks.calls import inputs_of_layers, tuple_of
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


@knows_mistakes("batch_norm")
def check_batch_norm(function):
    """Compare with nn.BatchNorm2d: two batches in training, then one in evaluation."""
    generator = torch.Generator().manual_seed(9)
    parts = "the result", "the running mean", "the running variance"
    for chosen in ({}, {"momentum": 0.3, "eps": 0.1}):
        library = nn.BatchNorm2d(3, **chosen)
        nn.init.uniform_(library.weight, 0.5, 2, generator)
        nn.init.normal_(library.bias, generator=generator)
        running = [torch.zeros(3), torch.ones(3)]
        learned = library.weight.detach(), library.bias.detach()
        for mode in ("training", "training, the second batch", "evaluation"):
            library.train(mode != "evaluation")
            values = 3 * torch.randn(2, 3, 2, 2, generator=generator) + 1
            before = [tensor.clone() for tensor in (values, *running)]
            expected = library(values), library.running_mean, library.running_var
            got = function(values, *learned, *running, library.training, **chosen)
            got = tuple_of("batch_norm", got, parts)
            for part, ours, theirs in zip(parts, got, expected):
                compare(f"{part} in {mode}{f', with {chosen}' * bool(chosen)}", ours, theirs)
            unchanged = all(map(torch.equal, before, (values, *running)))
            expect(unchanged, "batch_norm: the tensors that went in were changed; return new ones.")
            running = [torch.as_tensor(part).float() for part in got[1:]]
    passed("batch_norm")


@knows_mistakes("build_inverted_residual")
def check_build_inverted_residual(function):
    """Check parameters, shapes, the skip connection and the place of the one ReLU."""
    for channels, kernel_px, expansion, expected in ((8, 5, 4, 808), (6, 3, 2, 246)):
        block = function(channels, kernel_px, expansion)
        what = f"with {channels} channels, kernels of {kernel_px}, expansion {expansion}"
        is_module = isinstance(block, nn.Module)
        expect(is_module, f"the block: expected an nn.Module, got {type(block).__name__}.")
        compare(f"the parameters {what}", num_parameters(block), expected, tolerance=0)
        values = torch.randn(2, channels, 7, 9, generator=torch.Generator().manual_seed(1))
        try:
            inputs = inputs_of_layers(block.eval(), values)
        except RuntimeError as error:
            expect(False, f"the block {what}: expected an output, got an error: {error}")
        widths = [layer_input.shape[1] for layer_input in inputs]
        compare(
            "the channels that its convolutions get",
            widths,
            [channels, channels, channels * expansion],
        )
        expect(inputs[2].min() >= 0, "the last convolution: expected a ReLU before it.")
        norms = [layer for layer in block.modules() if isinstance(layer, nn.BatchNorm2d)]
        compare("the number of its batch norms", len(norms), 3)
        nn.init.zeros_(norms[-1].weight)
        compare("the block where its last weights are 0: the input", block(values), values)
        nn.init.constant_(norms[-1].bias, -1)
        compare("the block where its last layer says -1: the input - 1", block(values), values - 1)
        sides = [layer.kernel_size[0] for layer in block.modules() if isinstance(layer, nn.Conv2d)]
        compare("the sizes of its kernels", sides, (kernel_px, 1, 1))
    passed("build_inverted_residual")
