"""source or answer -> fingerprints: what is left when names, formatting and comments are gone.

Code: k-grams of normalised tokens, thinned by winnowing (Schleimer, Wilkerson and Aiken: Winnowing,
local algorithms for document fingerprinting, SIGMOD 2003; so do MOSS and Dolos). Text: words.
"""

import ast
import io
import re
import tokenize
import zlib

from helpers.grader.syntax import UNPARSED, parsed

K = 6  # tokens in a fingerprint
# Of so many neighbours, at least one is kept: what is alike over K + WINDOW - 1 tokens is found.
WINDOW = 4
WORD = r"[^\W_]+(?:[.'][^\W_]+)*"  # or a number
USUAL = {"numpy": "np", "torch.nn": "nn", "torch.nn.functional": "F"}  # however they are imported
LAYOUT = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)
NAME = "\0"  # stands for any name that the student chose


def code_fingerprints(source):
    """Return the fingerprints, a set of ints, of Python code.

    They stay the same when names, comments, formatting or the order of statements change.
    """
    return {mark for tokens in statements(source) for mark in winnowed(tokens)}


def statements(source):
    """Return the tokens of each line of normalised code, NAME for names that were chosen freely."""
    text, tree = parsed(source)
    chosen, usual = set(), {}
    if tree is not None:
        chosen, usual = names_chosen(tree), usual_names(tree)
        text = without_decoration(tree) or text
    lines, line, before = [], [], ""
    for kind, word in tokens_of(text):
        if kind in LAYOUT:
            if kind == tokenize.NEWLINE:
                lines, line = [*lines, line], []
            continue
        is_free = kind == tokenize.NAME and word in chosen and before != "."
        line.append(NAME if is_free else usual.get(word, word))
        line[-1] = f"{NAME}{word}" if is_free else line[-1]
        before = word
    return [tokens for tokens in [*lines, line] if tokens]


def tokens_of(text):
    """Yield (kind, word); what is no Python ends it early."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            yield token.type, token.string
    except (tokenize.TokenError, SyntaxError, ValueError):
        return


def names_chosen(tree):
    """Return the names that code binds: variables, arguments, functions."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


def usual_names(tree):
    """Return {name: usual name} of what is imported."""
    aliases = [a for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    return {a.asname: USUAL.get(a.name, a.name) for a in aliases if a.asname}


def without_decoration(tree):
    """Return code without imports, docstrings and annotations, in one format; "" if it is too deep."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)):
            kept = [n for n in node.body if not is_decoration(n)]
            node.body = kept or [ast.Pass()]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    try:
        return ast.unparse(tree)
    except UNPARSED:
        return ""


def is_decoration(node):
    """Return whether a statement computes nothing: text, an import, `pass`."""
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass))


def winnowed(tokens):
    """Return the fingerprints of one statement: of every WINDOW neighbouring k-grams the least."""
    grams = [gram(tokens[i : i + K]) for i in range(max(1, len(tokens) - K + 1))]
    last = max(1, len(grams) - WINDOW + 1)
    return {min(grams[i : i + WINDOW]) for i in range(last)}


def gram(tokens):
    """Return a hash of tokens in which chosen names are numbered in the order they come."""
    names = list(dict.fromkeys(token for token in tokens if token.startswith(NAME)))
    words = [f"{NAME}{names.index(t)}" if t.startswith(NAME) else t for t in tokens]
    return zlib.crc32("\n".join(words).encode("utf-8", "replace"))


def words_of(text):
    """Return the words and numbers of an answer, without Markdown's signs."""
    return re.findall(WORD, text.lower())
