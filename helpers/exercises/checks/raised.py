"""exception in a student's function -> sentences: where it was raised, and what it means."""

import linecache
import re
import traceback

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
        r"'generator'|need at least one array|zero-size array",
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
    text = f"{exercise} raised {type(error).__name__}{_where(function, error)}: {said}."
    return f"{text} {meaning(said)}".strip()


def meaning(said):
    """Return sentences on what an exception says, "" where we have none."""
    for pattern, sentence in MEANINGS:
        if found := re.search(pattern, said):
            return sentence.format(*found.groups())
    return ""


def _where(function, error):
    """Return " in line 3 (the line)" of the student's code, the innermost that was reached."""
    files = _files_of(function)
    frames = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    own = [(path, line) for path, line in frames if path in files]
    if not own:
        return ""
    source = linecache.getline(*own[-1]).strip()
    return f" in line {own[-1][1]}" + (f" (`{source}`)" if source else "")


def _files_of(function):
    """Return the files in which a function, or the methods of a class, are written."""
    methods = vars(function).values() if isinstance(function, type) else [function]
    return {method.__code__.co_filename for method in methods if hasattr(method, "__code__")}
