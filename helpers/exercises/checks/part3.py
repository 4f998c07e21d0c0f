"""exercise -> raise or one line: the checks of Part 3, on the loss."""

import torch
import torch.nn.functional as F

from helpers.exercises.checks.calls import by_hand, tuple_of
from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, expect, passed
from helpers.exercises.hints import hint as hint


def _logits():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(7, 15, generator=generator) * 3, torch.randint(
        0, 15, (7,), generator=generator
    )


@knows_mistakes("log_sum_exp")
def check_log_sum_exp(function):
    """Compare with torch.logsumexp, at logits of 10,000 too."""
    logits, _ = _logits()
    compare("log_sum_exp of logits (7, 15)", function(logits), logits.logsumexp(dim=1))
    for shift in (1e4, -1e4):
        compare(
            f"log_sum_exp of logits near {shift:,.0f}",
            function(logits + shift),
            (logits + shift).logsumexp(dim=1),
        )
    rows = logits + torch.linspace(-1e4, 1e4, 7)[:, None]
    columns = logits + torch.linspace(-1e3, 1e3, 15)
    for what, apart in (("rows", rows), ("the logits of a row", columns)):
        got = torch.as_tensor(function(apart))
        far = f"log_sum_exp: expected finite numbers, got inf where {what} lie far apart."
        expect(torch.isfinite(got).all(), far)
        compare(f"log_sum_exp where {what} lie far apart", got, apart.logsumexp(dim=1))
    passed("log_sum_exp")


@knows_mistakes("cross_entropy")
def check_cross_entropy(function):
    """Compare with torch.nn.functional.cross_entropy: mean, sum, and logits of 10,000."""
    logits, labels = _logits()
    for reduction in ("mean", "sum"):
        expected = F.cross_entropy(logits, labels, reduction=reduction)
        compare(
            f'the cross-entropy with reduction="{reduction}"',
            function(logits, labels, reduction),
            expected,
        )
    compare(
        "the cross-entropy by default, a mean",
        function(logits, labels),
        F.cross_entropy(logits, labels),
    )
    large = logits * 1e4
    compare(
        "the cross-entropy at logits of 10,000",
        function(large, labels),
        F.cross_entropy(large, labels),
    )
    passed("cross_entropy")


@knows_mistakes("softmax_gradient")
def check_softmax_gradient(function):
    """Compare with autograd, at logits of 10,000 too."""
    logits, labels = _logits()
    for what, scale in (("7 images", 1), ("7 images with logits of 10,000", 1e4)):
        leaf = (scale * logits).requires_grad_()
        F.cross_entropy(leaf, labels).backward()
        got = by_hand("softmax_gradient", function, leaf.detach(), labels)
        compare(f"the gradient of the mean loss of {what}", got, leaf.grad)
    passed("softmax_gradient")


@knows_mistakes("numerical_gradient")
def check_numerical_gradient(function):
    """Compare with autograd on a quadratic function, where central differences are exact."""
    generator = torch.Generator().manual_seed(5)
    weights = torch.randn(6, 6, generator=generator).double()
    for shape in ((6,), (2, 3)):
        values = torch.randn(shape, generator=generator).double()
        before = values.clone()
        leaf = values.clone().requires_grad_()
        quadratic = lambda values: values.flatten() @ weights @ values.flatten()
        quadratic(leaf).backward()
        for step in (0.5, 0.01):
            what = f"the gradient of a quadratic function of {shape} values, step {step}"
            got = by_hand("numerical_gradient", function, quadratic, values, step)
            compare(what, got, leaf.grad)
            reason = "the values that went in were changed; return a new tensor."
            expect(torch.equal(values, before), f"numerical_gradient: {reason}")
    passed("numerical_gradient")


@knows_mistakes("backward")
def check_backward(function):
    """Compare with autograd, for a batch of 6 and for a single input."""
    generator = torch.Generator().manual_seed(6)
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    names = ("w1", "b1", "w2", "b2")
    for size in (6, 1):
        inputs, upstream = draw(size, 5), draw(size, 3)
        leaves = [draw(4, 5), draw(4), draw(3, 4), draw(3)]
        w1, b1, w2, b2 = [leaf.requires_grad_() for leaf in leaves]
        F.linear(F.linear(inputs, w1, b1).relu(), w2, b2).backward(upstream)
        given = inputs, w1.detach(), b1.detach(), w2.detach(), upstream
        got = tuple_of("backward", by_hand("backward", function, *given), names)
        batch = f"{size} inputs" if size > 1 else "a single input"
        for name, leaf, gradient in zip(names, leaves, got):
            compare(f"the gradient of {name} for {batch}", gradient, leaf.grad)
    passed("backward")
