"""exercise -> raise or one line: the checks of Part 7, on dropout."""

import torch

from helpers.exercises.checks.tools import compare, expect, passed, tensor


def check_dropout(function):
    """Check what is zeroed, what the rest is multiplied by, and that evaluation changes nothing."""
    torch.manual_seed(9)
    values = torch.randn(200, 50) + 3
    before = values.clone()
    for p in (0.2, 0.5):
        result = tensor("dropout", function(values, p, training=True))
        compare("the shape after dropout", result.shape, values.shape)
        kept = result != 0
        share = 1 - kept.float().mean().item()
        expect(
            abs(share - p) < 0.03,
            f"dropout with p={p}: expected about {p} of the values zero, got {share:.2f}.",
        )
        compare(f"the values that dropout with p={p} keeps", result[kept], values[kept] / (1 - p))
        rows_differ = (kept != kept[0]).any()
        expect(rows_differ, "dropout: expected a draw for each value, got the same for each row.")
        reason = "the second call dropped the same values; expected new draws in each call."
        again = tensor("dropout", function(values, p, training=True))
        expect(not torch.equal(again, result), f"dropout: {reason}")
    compare("dropout with training=False", function(values, 0.5, training=False), values)
    expect(torch.equal(values, before), "dropout: the values that went in were changed.")
    passed("dropout")
