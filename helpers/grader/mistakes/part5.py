"""Mistakes in Part 5: a step in chunks, accuracy over unequal batches, an epoch, files."""

from functools import partial

from helpers.grader.mistakes.mistake import PLACE, Mistake

_step = partial(Mistake, "accumulated_step")
_share = partial(Mistake, "accuracy")
_epoch = partial(Mistake, "train_one_epoch")
_files = partial(Mistake, "ImageFiles")

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
    _epoch(
        "model.train()\n    ",
        "",
        "leaves the network in evaluation",
        "What did the last evaluation leave behind in the network?",
    ),
    _epoch(
        "optimizer.zero_grad()\n        ",
        "",
        "lets the gradients of all batches add up",
        "What does backward do with the gradients that are already there?",
    ),
    _epoch(
        "loss.backward()\n        ",
        "",
        "takes steps without new gradients",
        "Where do the gradients come from that the optimizer uses?",
    ),
    _epoch(
        "optimizer.step()\n        ",
        "",
        "never changes the weights",
        "What turns gradients into other weights?",
    ),
    _epoch(
        "loss.item() * len(batch.labels)\n        num_images += len(batch.labels)",
        "loss.item()\n        num_images += 1",
        "takes the mean over batches, not over images",
        "Does an image of the small last batch count as much as another?",
    ),
    _epoch(
        "    return total / num_images",
        "        return total / num_images",
        "returns after the first batch",
        "How far is the last line indented?",
    ),
    _epoch(
        "return total / num_images",
        "return total",
        "returns the sum of the losses",
        "Is your number larger with more images?",
    ),
    _epoch(
        "total += loss.item()",
        "total += F.cross_entropy(model(batch.images), batch.labels).item()",
        "takes the loss after the step",
        "With which weights is a loss to be computed, those before the step or those after it?",
    ),
    _epoch(
        "return total / num_images",
        "return loss.item()",
        "returns the loss of the last batch",
        "Over which images does the text ask for the mean?",
    ),
    _epoch(
        "loss.item() * len(batch.labels)",
        "loss.item()",
        "divides the sum of the batches' mean losses by the number of images",
        "How many images does a mean loss of a batch stand for?",
    ),
    _epoch(
        "model(batch.images)",
        "model(batch.images).softmax(dim=1)",
        "takes a softmax before the cross-entropy",
        "What does `F.cross_entropy` expect, logits or probabilities?",
    ),
    _epoch(
        "model.train()\n    total, num_images = 0.0, 0\n    for batch in batches:\n",
        "model.train()\n    total, num_images = 0.0, sum(len(b.labels) for b in batches)\n"
        "    for batch in batches:\n",
        "reads all batches once before the loop, so that none is left for it",
        "What can be counted while the loop runs?",
    ),
    _files(
        '.convert("L")',
        "",
        "leaves pictures in colour as they are",
        "How many numbers has a pixel of a picture in colour?",
        by=PLACE,
    ),
    _files(
        ".float() / 255",
        ".float()",
        "returns grey levels up to 255",
        "Between which two numbers should white and black lie?",
    ),
    _files(
        "pixels[None]",
        "pixels",
        "leaves out the axis of the channels",
        "Which shape does a convolution expect of an image?",
    ),
    _files(
        ", self.labels[index]",
        "",
        "returns the image alone",
        "What does a training step need besides the image?",
    ),
    _files(
        "self.labels[index]",
        "index",
        "returns the number of the picture in place of its label",
        "What does the number of a file say about its class?",
    ),
    _files(
        "self.paths, self.labels = paths, labels",
        "self.paths, self.labels = [str(Image.open(p).filename) for p in paths], labels",
        "opens all files at once",
        "How many files should be open before the first picture is asked for?",
    ),
    _files(
        ".float()",
        ".double()",
        "returns numbers of 64 bits",
        "Of which type are the weights of a network?",
    ),
    _files(
        "np.array(grey)",
        "np.array(grey).T",
        "exchanges height and width",
        "Which of its two sides does an array of a picture have first?",
    ),
]
