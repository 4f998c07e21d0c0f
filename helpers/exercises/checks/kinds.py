"""value -> what kind of number it is."""

import operator


def is_whole(value):
    """Return whether a value is an int, of Python, NumPy or PyTorch."""
    try:
        return operator.index(value) == value
    except (TypeError, ValueError, RuntimeError):
        return False
