"""Mistakes in Part 2: sizes, numbers of parameters, a network by a plan."""

from functools import partial

from helpers.grader.mistakes.mistake import Mistake

_size = partial(Mistake, "output_size")
_count = partial(Mistake, "num_conv_parameters")
_net = partial(Mistake, "build_deeper_net")
_BIAS = "How many biases has a convolution to 20 channels?"

MISTAKES = [
    _size(
        " // stride + 1",
        " // stride",
        "counts the steps of the kernel, not the places where it stands",
        "A kernel as large as the picture takes no step. How many outputs does it give?",
    ),
    _size(
        "2 * padding",
        "padding",
        "adds padding on one side only",
        "On how many sides does padding make a picture wider?",
    ),
    _size(
        "// stride",
        "/ stride",
        "returns a float, as `/` does",
        "Can a picture be 4.5 pixels wide? What happens to the rest that no kernel fits into?",
    ),
    _size(
        " + 2 * padding",
        "",
        "ignores the padding",
        "How large is the picture that the kernel really runs over?",
    ),
    _size(
        "(size + 2 * padding - kernel_size) // stride + 1",
        "(size + 2 * padding - kernel_size + 1) // stride",
        "adds 1 before it divides by the stride",
        "The first place of the kernel costs no step. Count the places for size 60, kernel 3, stride 3.",
    ),
    _size(
        "(size + 2 * padding - kernel_size) // stride",
        "-(-(size + 2 * padding - kernel_size) // stride)",
        "rounds up where the stride does not divide the rest",
        "Where would the last kernel stand, and is there a picture under all of it?",
    ),
    _size(
        "(size + 2 * padding - kernel_size) // stride",
        "round((size + 2 * padding - kernel_size) / stride)",
        "rounds to the nearest whole number",
        "Count the places by hand for size 18, kernel 3 and stride 4. Does a kernel fit into what is left?",
    ),
    _size(
        " // stride",
        "",
        "ignores the stride",
        "A kernel that moves 3 pixels at a time: how often does it stop on 60 pixels?",
    ),
    _size(
        "+ 2 * padding",
        "- 2 * padding",
        "subtracts the padding",
        "Does padding make the picture larger or smaller?",
    ),
    _size(
        "stride=1, padding=0",
        "stride, padding",
        "has no defaults for stride and padding",
        "The first line of the exercise gives some. What does it say?",
    ),
    _count(" + 1)", ")", "leaves out the biases", _BIAS),
    _count(
        "kernel_size**2",
        "kernel_size",
        "counts a kernel as one row of numbers",
        "How many numbers has a square of 5 x 5?",
    ),
    _count(
        "out_channels * (in_channels * kernel_size**2 + 1)",
        "out_channels * in_channels * kernel_size**2 + 1",
        "has one bias for the whole layer",
        _BIAS,
    ),
    _count(
        "out_channels * (in_channels * kernel_size**2 + 1)",
        "out_channels * in_channels * kernel_size**2 + in_channels",
        "has a bias for each input channel",
        _BIAS,
    ),
    _count(
        "in_channels * kernel_size**2 + 1",
        "in_channels * (kernel_size**2 + 1)",
        "has a bias for each kernel",
        "Kernels of all input channels are summed into one output channel. " + _BIAS,
    ),
    _count(
        "in_channels * kernel_size**2",
        "kernel_size**2",
        "uses the same kernel for every input channel",
        "For how many pairs of an input and an output channel is there a kernel?",
    ),
    _count(
        "kernel_size**2",
        "kernel_size * 2",
        "doubles the kernel's side in place of squaring it",
        "How many numbers has a square of 5 x 5?",
    ),
    _count(
        "kernel_size**2",
        "(kernel_size ^ 2)",
        "uses ^, which is no power in Python",
        "Try `5 ^ 2` in a cell. Which operator gives 25?",
    ),
    _net(
        "nn.Conv2d(16, 32, 3)",
        "nn.Conv2d(16, 32, 3, bias=False)",
        "has no biases in the third convolution",
        "Does the plan switch them off?",
    ),
    _net(
        "nn.Linear(64, 15)",
        "nn.Linear(64, 16)",
        "has 16 outputs",
        "How many classes are there?",
    ),
    _net(
        ", nn.ReLU()),\n        nn.Linear",
        "),\n        nn.Linear",
        "has no ReLU between the two linear layers",
        "Without it, what would two linear layers in a row be worth?",
    ),
    _net(
        "32 * 5 * 5",
        "32 * 6 * 6",
        "expects 6 x 6 pixels after the last pooling",
        "What does pooling by 2 make of 11 pixels? Ask `output_size`.",
    ),
    _net(
        "32 * 5 * 5",
        "32 * 11 * 11",
        "expects the size before the last pooling",
        "Through which layers does a picture go before it is flattened?",
    ),
    _net(
        "nn.Flatten(), ",
        "",
        "has no Flatten before the first linear layer",
        "Which shape does a picture have after the last pooling, and which does `nn.Linear` want?",
    ),
    _net(
        "nn.Conv2d(16, 32, 3)",
        "nn.Conv2d(16, 32, 5)",
        "has a 5 x 5 kernel in the third convolution",
        "Compare each line of the plan with yours.",
    ),
    _net(
        "nn.Linear(64, 15),",
        "nn.Linear(64, 15), nn.Softmax(dim=1),",
        "ends with a softmax",
        "The loss of the next part takes the logits themselves. What is the last row of the plan?",
    ),
    _net(
        "nn.Linear(64, 15),",
        "nn.Linear(64, 15), nn.ReLU(),",
        "has a ReLU after the last linear layer",
        "Logits may be negative. What would become of those?",
    ),
    _net(
        "nn.Conv2d(1, 8, 5)",
        "nn.Conv2d(3, 8, 5)",
        "expects colour pictures",
        "How many channels have the images of this course?",
    ),
]
