"""exercise -> raise or one line: the checks of Part 3, on the loss."""

import torch
import torch.nn.functional as F

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
