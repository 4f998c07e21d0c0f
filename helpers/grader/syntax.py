"""cell -> plain Python, and its names: what a statement defines, what it reads, what is a stub."""

import ast
import re

STUB = "raise NotImplementedError"  # what a release has in the place of a solution
TIMED = ("%%time", "%%timeit", "%%capture", "%%prun")  # IPython's words for a cell of plain Python
UNPARSED = (SyntaxError, ValueError, RecursionError, MemoryError)

# --- a cell's source -> plain Python -----------------------------------------------------------


def plain(source):
    """Return a cell without IPython's own lines (%matplotlib inline, !pip install, name?)."""
    lines = source.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%"):
        if first.split()[0] not in TIMED:
            return ""  # another language, or a file
        lines = lines[lines.index(next(line for line in lines if line.strip())) + 1 :]
    return "\n".join(without_magic(line) for line in lines)


def without_magic(line):
    """Return a line, `pass` in the place of one that only IPython understands."""
    bare = line.strip()
    is_magic = bare.startswith(("%", "!", "?")) or (bare.endswith("?") and "#" not in bare)
    if is_magic or re.match(r"[\w, ]{1,100}=\s*[%!]", bare):
        return line[: len(line) - len(line.lstrip())] + "pass"
    return line


def parsed(source):
    """Return (source, syntax tree) of a cell, as it is or without magic.

    Returns (source, None) for a cell that is not Python.
    """
    for text in (source, plain(source)):
        try:
            return text, ast.parse(text)
        except UNPARSED:
            continue
    return source, None


# --- statement -> names ------------------------------------------------------------------------

IMPORTS = (ast.Import, ast.ImportFrom)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef, *IMPORTS)
VALUES = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.If, ast.Try)
LOOPS = (ast.For, ast.While, ast.With, ast.AsyncFor, ast.AsyncWith)


def names_in(node):
    """Return (names that a statement reads, names that it binds inside itself).

    It reads some at once, others when it is called. It binds arguments and variables.
    """
    names, bound, declared = set(), set(), set()
    for n in ast.walk(node):
        if isinstance(n, ast.Name):
            (bound if isinstance(n.ctx, ast.Store) else names).add(n.id)
        elif isinstance(n, ast.arguments):
            bound |= {argument.arg for argument in arguments(n)}
        elif isinstance(n, ast.Global):
            declared |= set(n.names)
    bound -= declared
    return (names | declared) - bound, bound


def arguments(node):
    """Return all arguments of a function."""
    extra = [a for a in (node.vararg, node.kwarg) if a]
    return [*node.posonlyargs, *node.args, *node.kwonlyargs, *extra]


def is_plain(node):
    """Return whether a statement is an assignment, or a choice between some, without a loop."""
    return isinstance(node, VALUES) and not any(isinstance(n, LOOPS) for n in ast.walk(node))


def names_bound(node):
    """Return the names that a statement at the top level defines or changes."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return {node.name}
    if isinstance(node, IMPORTS):
        return {(alias.asname or alias.name.split(".")[0]) for alias in node.names}
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
    if isinstance(node, (ast.If, ast.Try)):
        bodies = [node.body, node.orelse, *(h.body for h in getattr(node, "handlers", []))]
        inner = [names_bound(n) for body in bodies for n in body]
        return set().union(*inner)
    if isinstance(node, LOOPS):
        return names_in(node)[1]
    return set()


def is_function(node):
    """Return whether a statement defines a function or a class."""
    return isinstance(node, (*FUNCTIONS, ast.ClassDef)) or isinstance(
        getattr(node, "value", None), ast.Lambda
    )


def is_stub(node):
    """Return whether a function's body is still that of the release: nothing, or its one raise.

    A class is a stub as long as one of its methods is.
    """
    if isinstance(node, ast.ClassDef):
        return any(is_stub(method) for method in node.body)
    if not isinstance(node, ast.FunctionDef):
        return False
    body = [n for n in node.body if not is_text(n) and "super()" not in ast.unparse(n)]
    return not body or isinstance(body[0], ast.Pass) or ast.unparse(body[0]).startswith(STUB)


def is_text(node):
    """Return whether a statement is a docstring, or three dots."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


# --- cells that belong together ----------------------------------------------------------------


def joined(cells, wanted):
    """Return (cells, [(text, tree)]): a function that was split over cells is one again."""
    kept, texts, number = [], [], 0
    while number < len(cells):
        text, tree = parsed(cells[number].source)
        last = number
        if is_open(cells[number], text, tree, wanted):
            last, text, tree = longest_join(cells, number, text, tree)
        kept.append(cells[number])
        texts.append((text, tree))
        number = last + 1
    return kept, texts


def is_open(cell, text, tree, wanted):
    """Return whether a cell may be the beginning of a function that the next cell goes on with."""
    if tree is None:
        return any(f"def {name}" in text for name in wanted)
    return bool(tree.body) and getattr(tree.body[-1], "name", None) in wanted


def longest_join(cells, number, text, tree):
    """Return (last cell, text, tree) with up to three cells below that are no Python alone."""
    last = number
    for below in range(number + 1, min(number + 4, len(cells))):
        if parsed(cells[below].source)[1] is not None:
            break
        more, grown = parsed(f"{text}\n{cells[below].source}")
        if grown is not None:
            last, text, tree = below, more, grown
    return last, text, tree
