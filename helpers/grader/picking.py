"""cells of a submission -> each exercise's source, with what it uses of the other cells.

What an exercise uses is found by the names that it reads: imports, functions, classes, and values
that cost little. Nothing is run here, and nothing that a notebook trained is ever taken.
"""

import ast
import builtins
from dataclasses import dataclass

from helpers.grader.syntax import (
    DEFINITIONS,
    is_function,
    is_plain,
    is_stub,
    joined,
    names_bound,
    names_in,
)
from helpers.grader.unpacking import Refused

MAX_STATEMENTS = 10_000  # at the top level of all code cells
MAX_USED = 300  # statements of other cells that one exercise may use
MAX_SOURCES = 400_000  # characters of all exercises and of what they use: what the grader handles
COSTLY = ("helpers",)  # what the course's own functions return took data or training to make
UNSAFE = {"open", "input", "exec", "eval", "compile", "__import__", "breakpoint"}


@dataclass
class Candidate:
    """A cell that solves an exercise: where it stands, and what it says."""

    file: str
    cell: int
    source: str
    is_marked: bool
    is_done: bool


def pick(notebooks, course):
    """Return {"sources", "context", "answers", "notes"} of {file: cells}, as Submission has them.

    `course` says what to look for: {"exercises", "questions", "prompt", "given"}, the last being
    the names that the masters import.
    """
    wanted, sources, context, notes = course["exercises"], {}, {}, []
    scopes = {file: Scope(cells, wanted, course["given"]) for file, cells in notebooks.items()}
    if sum(len(scope.statements) for scope in scopes.values()) > MAX_STATEMENTS:
        raise Refused(f"It has more than {MAX_STATEMENTS:,} statements.")
    for name in wanted:
        candidates = [c for file, scope in scopes.items() for c in scope.candidates(file, name)]
        if not candidates:
            continue
        chosen = best(candidates)
        if len({c.source for c in candidates if c.is_done}) > 1:
            notes.append(f"{name} stands there in several versions; that in {chosen.file} counts.")
        sources[name], context[name] = scopes[chosen.file].taken(chosen, name)
    if missing := sorted(set(wanted) - set(sources)):
        notes.append(f"Not there: {', '.join(missing)}.")
    size = sum(map(len, sources.values())) + sum(len(s) for used in context.values() for s in used)
    if size > MAX_SOURCES:
        raise Refused(f"Its exercises are longer than {MAX_SOURCES:,} characters.")
    answers = answers_in(notebooks, course["questions"], course["prompt"])
    return {"sources": sources, "context": context, "answers": answers, "notes": notes}


def answers_in(notebooks, questions, prompt):
    """Return {question: answer}: of several, the last that is more than the prompt."""
    found = {}
    for cell in (cell for cells in notebooks.values() for cell in cells):
        is_answer = cell.kind == "markdown" and "answer" in cell.tags and cell.question in questions
        if is_answer and (prompt not in cell.source or prompt in found.get(cell.question, prompt)):
            found[cell.question] = cell.source
    return found


def best(candidates):
    """Return the last that is done; a marked one goes before others, a stub behind all."""
    done = [candidate for candidate in candidates if candidate.is_done] or candidates
    return ([candidate for candidate in done if candidate.is_marked] or done)[-1]


@dataclass
class Statement:
    """A statement at the top level of a notebook's cell."""

    node: ast.stmt
    cell: int

    def __post_init__(self):
        """Find the names that it defines or changes, and those that it reads."""
        self.binds, self.reads = names_bound(self.node), names_in(self.node)[0]


# --- a notebook -> what it defines -------------------------------------------------------------


class Scope:
    """The code of one notebook: what its cells define, and what that reads."""

    def __init__(self, cells, wanted, given):
        """Read the code cells; those of checks and of the course's own hidden tests stay out."""
        self.given = set(given)  # names that are there without the student's doing
        code = [c for c in cells if c.kind == "code" and not c.tags & {"check", "hidden"}]
        self.cells, self.texts = joined(code, wanted)
        self.statements, self.cheap, self.by_name = [], {}, {}
        self.future = ""
        for number, (_, tree) in enumerate(self.texts):
            for node in tree.body if tree else []:
                self.add(node, number)

    def add(self, node, number):
        """Keep a statement that defines something."""
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            self.future = ast.unparse(node) + "\n"
        elif names_bound(node):
            statement = Statement(node, number)
            self.statements.append(statement)
            if len(self.statements) > MAX_STATEMENTS:
                raise Refused(f"It has more than {MAX_STATEMENTS:,} statements.")
            for name in statement.binds:
                self.by_name.setdefault(name, []).append(statement)

    def candidates(self, file, name):
        """Yield the cells that define an exercise's function, or are marked as its place."""
        for number, (cell, (text, tree)) in enumerate(zip(self.cells, self.texts)):
            is_marked = "exercise" in cell.tags and cell.exercise == name
            defined = [n for n in (tree.body if tree else []) if name in names_bound(n)]
            if not is_marked:  # elsewhere a value may have the name: accuracy = ...
                defined = [n for n in defined if is_function(n)]
            if defined or is_marked:
                is_done = bool(defined) and not is_stub(defined[-1])
                yield Candidate(file, number, text, is_marked, is_done)

    def taken(self, chosen, name):
        """Return (source, [statement, ...]) of a chosen cell and of what it uses elsewhere."""
        text, tree = self.texts[chosen.cell]
        if tree is None:
            return text, []
        here = [Statement(node, chosen.cell) for node in tree.body]
        kept = [s for s in here if name in s.binds or self.may_run(s, chosen.is_marked)]
        used = self.used({n for s in kept for n in s.reads}, chosen.cell, {name})
        if len(used) > MAX_USED:
            raise Refused(f"{name} uses more than {MAX_USED} other statements.")
        if len(kept) < len(tree.body):
            text = "\n".join(ast.unparse(s.node) for s in kept)
        return self.future + text, [ast.unparse(s.node) for s in used]

    def may_run(self, statement, is_marked):
        """Return whether a statement beside an exercise is run with it.

        In the exercise's own cell, all are run that cost little and whose names are there, a print
        or a loop too.
        """
        if not is_marked or isinstance(statement.node, DEFINITIONS):
            return self.is_cheap(statement)
        return all(self.is_cheap_name(name, set()) for name in statement.reads)

    def used(self, names, cell, known):
        """Return the cheap statements of other cells that bind names, and what these read.

        They come in order, from above the exercise or, where none is there, from below.
        """
        found, todo, known = {}, {*names, "*"}, set(known)
        while todo:
            name = todo.pop()
            known.add(name)
            all_of = [s for s in self.by_name.get(name, []) if s.cell != cell and self.is_cheap(s)]
            all_of = [s for s in all_of if not is_stub(s.node)]
            above = [s for s in all_of if s.cell < cell]
            for statement in above if above or hasattr(builtins, name) else all_of:
                found[id(statement)] = statement
                todo |= statement.reads - known
        return [s for s in self.statements if id(s) in found]

    def is_cheap(self, statement):
        """Return whether a statement may be run: a definition, or a value that costs little."""
        if isinstance(statement.node, DEFINITIONS):
            return True
        if id(statement) not in self.cheap:
            self.cheap[id(statement)] = True  # where it hangs on itself
            self.cheap[id(statement)] = is_plain(statement.node) and all(
                self.is_cheap_name(name, set()) for name in statement.reads
            )
        return self.cheap[id(statement)]

    def is_cheap_name(self, name, seen):
        """Return whether a name stands for a library, or for what it costs little to make."""
        if name in UNSAFE:
            return False
        if name in seen:
            return True
        seen.add(name)
        statements = self.by_name.get(name)
        if not statements:
            return hasattr(builtins, name) or name in self.given or "*" in self.by_name
        return all(
            all(self.is_cheap_name(read, seen) for read in reads_at_once(s))
            if isinstance(s.node, DEFINITIONS)
            else self.is_cheap(s)
            for s in statements
        )


def reads_at_once(statement):
    """Return the names that calling a definition reads; UNSAFE where it is the course's own."""
    if isinstance(statement.node, ast.ImportFrom):
        root = (statement.node.module or "").split(".")[0]
        return {"open"} if root in COSTLY else set()
    if isinstance(statement.node, ast.Import):
        roots = {alias.name.split(".")[0] for alias in statement.node.names}
        return {"open"} if roots & set(COSTLY) else set()
    return statement.reads
