"""exception in a student's function -> sentences: where it was raised, and what it means."""

import linecache
import re
import traceback

MULTIPLIES_BY_HAND = re.compile(r"@|\b(mm|matmul|dot)\(")
OF_A_PRODUCT = (
    "`A @ B` needs as many columns in A ({0}) as rows in B ({1}). "
    "Which of the two needs a transpose, or should they change places?"
)
# What libraries say -> what it means. Groups of the pattern fill the braces.
MEANINGS = (
    (
        r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)",
        "A linear layer for {2} inputs got rows of {1} numbers. If pictures reach it that were not "
        "flattened, these are rows of a picture; else its number of inputs is wrong.",
    ),
    (
        r"expected input\[.*\] to have (\d+) channels, but got (\d+) channels",
        "A convolution for {0} channels got {1}. It must take what the layer before gives.",
    ),
    (
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\).*dimension (\d+)",
        "Two tensors were combined whose dimension {2} has {0} and {1} entries. Print both shapes: "
        "is an axis missing, or the wrong one gone?",
    ),
    (
        r"operands could not be broadcast together with shapes (\(.*?\)) (\(.*?\))",
        "Two arrays of shapes {0} and {1} were combined. Print both: is an axis missing?",
    ),
    (r"return_types\.(\w+)", "`{0}(dim=...)` returns a pair, the values and where they are."),
    (
        r"'generator' has no len",
        "It hands out its items one by one and does not know how many will come. Count while you go.",
    ),
    (
        r"'generator' object is not callable",
        "The argument has the name of a function: the batches are already there.",
    ),
    (r"'generator'", "It hands out its items one by one: take them with `for`."),
    (
        r"need at least one array|zero-size array|division by zero",
        "If you read an iterable twice: the second time, nothing is left in it.",
    ),
    (
        r"[Cc]an't call numpy\(\)|does not require grad|has no grad",
        "Gradients are followed for this tensor where they should not be, or the other way round.",
    ),
    (r"leaf Variable", "A weight was changed in place while gradients are followed."),
    (
        r"cannot reshape|is invalid for input of size|shape .* is invalid",
        "The numbers do not fill the shape that was asked for. How many are there?",
    ),
    (
        r"(positional argument|keyword argument)",
        "The check calls your function as its first line stood; leave the arguments as they were.",
    ),
    (
        r"name '(\w+)' is not defined",
        "Nothing has defined `{0}`: a typing error, a missing import, or a cell that you have not "
        "run?",
    ),
    (r"cannot access local variable '(\w+)'", "`{0}` is used before it gets a value."),
    (r"'NoneType' object", "Something is None. Does a function before it end with `return`?"),
    (
        r"(mean|sum)\(\): could not infer output dtype|must be either a floating point or complex",
        "A mean needs floats: these are whole numbers or truth values.",
    ),
    (r"result type .* can't be cast", "The result does not fit into the type of the tensor."),
    (r"Dimension out of range", "The tensor has fewer axes than that. Print its shape."),
)


def in_words(exercise, function, error):
    """Return sentences on an error: the student's line, what Python said, what it means."""
    said = " ".join(str(error).split())[:200].rstrip(".")
    number, line = _place(function, error)
    where = f" in line {number}" * bool(number) + f" (`{line}`)" * bool(line)
    text = f"{exercise} raised {type(error).__name__}{where}: {said}."
    return f"{text} {meaning(said, line)}".strip()


def meaning(said, line=""):
    """Return sentences on what an exception says in a line of code, "" where we have none."""
    shapes = re.search(r"cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)", said)
    if shapes and MULTIPLIES_BY_HAND.search(line):
        return OF_A_PRODUCT.format(*shapes.groups())
    for pattern, sentence in MEANINGS:
        if found := re.search(pattern, said):
            return sentence.format(*found.groups())
    return ""


def _place(function, error):
    """Return (line number, line) of the student's code, the innermost that was reached, or (0, "")."""
    files = _files_of(function)
    frames = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [(path, line) for path, line in frames if path in files]
    return (own[-1][1], linecache.getline(*own[-1]).strip()) if own else (0, "")


def _files_of(function):
    """Return the files in which a function, or the methods of a class, are written."""
    methods = vars(function).values() if isinstance(function, type) else [function]
    return {method.__code__.co_filename for method in methods if hasattr(method, "__code__")}
