"""Mistakes in Part 5: a step in chunks, and the accuracy over unequal batches."""

from functools import partial

from helpers.grader.mistakes.mistake import Mistake

_step = partial(Mistake, "accumulated_step")
_share = partial(Mistake, "accuracy")

MISTAKES = [
    _step(
        "images.chunk(num_chunks), labels.chunk(num_chunks)",
        "images.chunk(1), labels.chunk(1)",
        "never cuts the batch",
        "How many images does the network get at once? That is what has to fit into memory.",
    ),
    _step(
        "optimizer.zero_grad()\n    ",
        "",
        "never clears the gradients",
        "`backward` adds. What is still there from the step before?",
    ),
    _step(
        'reduction="sum") / len(labels)',
        ") / num_chunks",
        "weights all chunks alike",
        "The last chunk holds fewer images. Should each of its images count for more?",
    ),
    _step(
        'reduction="sum") / len(labels)',
        'reduction="sum")',
        "takes the sum of the images' losses",
        "Which loss would the whole batch have given, without cutting?",
    ),
    _step(
        "        total += loss.item()\n    optimizer.step()",
        "        total += loss.item()\n        optimizer.step()",
        "steps after every chunk",
        "With which weights is the second chunk then computed, and with which should it be?",
    ),
    _step(
        "    optimizer.step()\n",
        "",
        "never changes the weights",
        "Which call computes gradients, and which uses them?",
    ),
    _step(
        "        loss.backward()",
        "        optimizer.zero_grad()\n        loss.backward()",
        "clears the gradients for every chunk",
        "Of which chunks are the gradients that the optimiser then sees?",
    ),
    _step(
        ', reduction="sum") / len(labels)',
        ")",
        "adds up the means of the chunks",
        "If the loss of every image is 1, what is the mean over the batch, and what does yours say?",
    ),
    _step(
        "total += loss.item()",
        "total = loss.item()",
        "returns the last chunk's part of the loss",
        "What happens to `total` in each round?",
    ),
    _share(
        "model.eval()\n    ",
        "",
        "leaves the network in training",
        "Then a share of its values is zero by chance. Which call switches that off?",
    ),
    _share(
        "num_images += len(batch.labels)",
        "num_images += 10",
        "counts as many images in every batch as in the first",
        "How many are in the last one?",
    ),
    _share(
        "",
        """def accuracy(model, batches):
    model.eval()
    shares = [(model(b.images).argmax(dim=1) == b.labels).float().mean() for b in batches]
    return float(sum(shares) / len(shares))""",
        "takes the mean of the batches' accuracies",
        "Here the last batch holds 3 images, the others 10. Should its images count for more?",
    ),
    _share(
        "num_images += len(batch.labels)",
        "num_images += 1",
        "divides by the number of batches",
        "A share lies between 0 and 1. A share of what is it?",
    ),
    _share(
        "num_right / num_images",
        "num_right",
        "returns how many are right",
        "A share lies between 0 and 1. Of how many images?",
    ),
    _share(
        "== batch.labels",
        "!= batch.labels",
        "returns the share of wrong answers",
        "What should a perfect network get?",
    ),
    _share(
        "argmax(dim=1)",
        "argmax(dim=0)",
        "asks for the best image of each class",
        "The logits are (B, 15). Along which axis do the classes lie?",
    ),
    _share(
        "num_right += ",
        "num_right = ",
        "counts the right answers of the last batch only",
        "What happens to your count in each round?",
    ),
    _share(
        "num_right / num_images",
        "num_right // num_images",
        "divides whole numbers, without a remainder",
        "What is 11 // 23?",
    ),
    _share(
        "num_right / num_images",
        "100 * num_right / num_images",
        "returns per cent",
        "A share lies between 0 and 1.",
    ),
]
