"""Mistakes in Part 7: inverted dropout, and a network with it."""

from functools import partial

from helpers.grader.mistakes.mistake import PLACE, Mistake

_drop = partial(Mistake, "dropout")
_small = partial(Mistake, "SmallNetDropout")

MISTAKES = [
    _drop(
        " / (1 - p)",
        "",
        "leaves the kept values as they are",
        "The next layer adds them up. How large is that sum in training, and how large at evaluation?",
    ),
    _drop(
        " / (1 - p)",
        " * (1 - p)",
        "makes the kept values smaller",
        "Some are missing, and the sum should stay the same. Must the others shrink or grow?",
    ),
    _drop(
        " / (1 - p)",
        " / p",
        "divides by the share that is dropped",
        "With p = 0.2, by how much does the sum fall when a fifth is missing?",
    ),
    _drop(
        ">= p",
        "< p",
        "keeps with probability p",
        "How often is a random number between 0 and 1 below 0.2?",
    ),
    _drop(
        "if not training:",
        "if training:",
        "drops nothing in training",
        "Read your condition aloud: when does it return the values as they are?",
    ),
    _drop(
        "    if not training:\n        return values\n",
        "",
        "drops values at evaluation, too",
        "Which argument did you not use?",
    ),
    _drop(
        "        return values\n",
        "        return values * (1 - p)\n",
        "scales the values at evaluation",
        "The first dropout did so. If training makes up for what is missing already, what is left to do?",
    ),
    _drop(
        "torch.rand_like(values)",
        "torch.rand(values.shape[-1])",
        "drops the same places in every row",
        "How many random numbers do you need, if each value has its own luck?",
    ),
    _drop(
        "    kept =",
        "    torch.manual_seed(0)\n    kept =",
        "sets a seed inside",
        "What do the draws look like after the same seed, in every call?",
    ),
    _drop(
        "    return values * kept / (1 - p)",
        "    values *= kept\n    values /= 1 - p\n    return values.clone()",
        "changes the values that came in",
        "What does an operator like `*=` do to a tensor?",
    ),
    _small(
        "nn.Dropout(rate), nn.Linear(16 * 9 * 9",
        "nn.Linear(16 * 9 * 9",
        "has no dropout before the first linear layer",
        "Where should dropout stand, and how often?",
        by=PLACE,
    ),
    _small(
        "*hidden, nn.Dropout(rate), ",
        "*hidden, ",
        "has no dropout before the last layer",
        "Where should dropout stand, and how often?",
        by=PLACE,
    ),
    _small(
        "nn.Dropout(rate)",
        "nn.Dropout(0.5)",
        "always drops a half, whatever the rate",
        "Which of the arguments have you not used?",
        by=PLACE,
    ),
    _small(
        "nn.Linear(40, num_classes)",
        "nn.Linear(40, 15)",
        "always has 15 outputs",
        "Which of the arguments have you not used?",
    ),
    _small(
        "nn.Dropout(rate), nn.Linear(40, num_classes)",
        "nn.Linear(40, num_classes), nn.Dropout(rate)",
        "drops logits",
        "What happens to the loss when the logit of the true class is dropped?",
    ),
    _small(
        "nn.MaxPool2d(3), nn.ReLU()",
        "nn.MaxPool2d(3)",
        "has no ReLU behind the second convolution",
        "What follows each convolution in the table?",
    ),
    _small(
        "nn.Conv2d(8, 16, 3)",
        "nn.Conv2d(8, 16, 3, bias=False)",
        "has a convolution without bias",
        "Which of your layers has fewer numbers than in Part 2?",
    ),
]
