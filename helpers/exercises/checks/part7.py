"""exercise -> raise or one line: the checks of Part 7, on dropout."""

import torch

from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, expect, passed, tensor
from helpers.exercises.hints import hint as hint


@knows_mistakes("dropout")
def check_dropout(function):
    """Check what is zeroed, what the rest is multiplied by, and that evaluation changes nothing."""
    torch.manual_seed(9)
    values = torch.randn(200, 50) + 3
    before = values.clone()
    for p in (0.2, 0.5):
        result = tensor("dropout", function(values, p, training=True))
        compare("the shape after dropout", result.shape, values.shape)
        expect(torch.equal(values, before), "dropout: the values that went in were changed.")
        kept = result != 0
        rows_differ = (kept != kept[0]).any() or kept.all() or not kept.any()
        expect(rows_differ, "dropout: expected a draw for each value, got the same for each row.")
        share = 1 - kept.float().mean().item()
        expect(
            abs(share - p) < 0.03,
            f"dropout with p={p}: expected about {p} of the values zero, got {share:.2f}.",
            about=[share],
            step=0.1,
        )
        factor = (result[kept] / values[kept]).median()
        compare(f"the factor of the values that dropout with p={p} keeps", factor, 1 / (1 - p))
        compare(f"the values that dropout with p={p} keeps", result[kept], values[kept] / (1 - p))
        reason = "the second call dropped the same values; expected new draws in each call."
        again = tensor("dropout", function(values, p, training=True))
        expect(not torch.equal(again, result), f"dropout: {reason}")
    result = tensor("dropout", function(values, 0.5, training=False))
    reason = "dropout with training=False: expected every value to stay, got some zeros."
    expect((result != 0).all(), reason)
    compare("dropout with training=False", result, values)
    expect(torch.equal(values, before), "dropout: the values that went in were changed.")
    passed("dropout")
