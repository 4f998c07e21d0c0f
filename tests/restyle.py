"""code of one style -> the same in another: how honest people differ, and how copies are hidden.

A made-up class needs many versions of few solutions. Nothing is run here.
"""

import ast
import re

from helpers.grader.syntax import names_in

# --- honest differences: each rule changes what a person of another habit would have written -------


def square_by_product(node):
    """Write x ** 2 as x * x."""
    is_square = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    if is_square and isinstance(node.left, ast.Name) and ast.unparse(node.right) == "2":
        return ast.BinOp(node.left, ast.Mult(), node.left)


def square_by_numpy(node):
    """Write x ** 2 as np.square(x)."""
    is_square = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)
    if is_square and ast.unparse(node.right) == "2":
        return ast.parse(f"np.square({ast.unparse(node.left)})", mode="eval").body


def swap_product(node):
    """Write a * b as b * a."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return ast.BinOp(node.right, ast.Mult(), node.left)


def swap_sum(node):
    """Write a + b as b + a."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return ast.BinOp(node.right, ast.Add(), node.left)


def method_as_function(node):
    """Write x.sum(1) as torch.sum(x, 1)."""
    names = {"sum", "exp", "log", "round", "clamp", "flip", "argmax", "mean", "sqrt", "gather"}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if node.func.attr in names and ast.unparse(owner) not in ("torch", "np", "math", "F"):
            function = ast.Attribute(ast.Name("torch", ast.Load()), node.func.attr, ast.Load())
            return ast.Call(function, [owner, *node.args], node.keywords)


def axis_without_name(node):
    """Write sum(dim=1) as sum(1)."""
    if isinstance(node, ast.Call) and [k.arg for k in node.keywords] in (["dim"], ["axis"]):
        return ast.Call(node.func, [*node.args, node.keywords[0].value], [])


def axis_for_dim(node):
    """Write dim=1 as axis=1."""
    if isinstance(node, ast.keyword) and node.arg == "dim":
        return ast.keyword("axis", node.value)


def last_axis(node):
    """Write dim=1 as dim=-1."""
    is_axis = isinstance(node, ast.keyword) and node.arg in ("dim", "axis")
    if is_axis and ast.unparse(node.value) == "1":
        return ast.keyword(node.arg, ast.parse("-1", mode="eval").body)


def length_by_shape(node):
    """Write len(x) as x.shape[0]."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "len":
        return ast.parse(f"{ast.unparse(node.args[0])}.shape[0]", mode="eval").body


def length_by_size(node):
    """Write len(x) as x.size(0)."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "len":
        return ast.parse(f"{ast.unparse(node.args[0])}.size(0)", mode="eval").body


def float_by_to(node):
    """Write x.float() as x.to(torch.float32)."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "float":
        return ast.parse(f"{ast.unparse(node.func.value)}.to(torch.float32)", mode="eval").body


def float_by_type(node):
    """Write x.float() as x.type(torch.float32)."""
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "float":
        return ast.parse(f"{ast.unparse(node.func.value)}.type(torch.float32)", mode="eval").body


def plain_sum(node):
    """Write n += x as n = n + x."""
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return ast.parse(
            f"{node.target.id} = {ast.unparse(ast.BinOp(node.target, node.op, node.value))}"
        ).body[0]


def one_name_per_line(node):
    """Write a, b = 1, 2 as two lines."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
        pairs = list(zip(getattr(node.targets[0], "elts", []), node.value.elts))
        bound = {ast.unparse(target) for target, _ in pairs}
        if pairs and not bound & names_in(node.value)[0]:
            return [ast.parse(f"{ast.unparse(t)} = {ast.unparse(v)}").body[0] for t, v in pairs]


def return_by_name(node):
    """Write return x as result = x, return result."""
    if isinstance(node, ast.Return) and not isinstance(node.value, ast.Name | ast.Tuple):
        return ast.parse(f"result = {ast.unparse(node.value)}\nreturn result", mode="exec").body


def choice_by_if(node):
    """Write return a if c else b as if and else."""
    if isinstance(node, ast.Return) and isinstance(node.value, ast.IfExp):
        test, yes, no = map(ast.unparse, (node.value.test, node.value.body, node.value.orelse))
        return ast.parse(f"if {test}:\n    return {yes}\nreturn {no}").body


def comprehension_as_loop(node):
    """Write a = [f(x) for x in y] as a loop."""
    if isinstance(node, ast.Return | ast.Assign) and isinstance(node.value, ast.ListComp):
        made, loop = node.value, node.value.generators[0]
        name = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else "path"
        lines = f"{name} = []\nfor {ast.unparse(loop.target)} in {ast.unparse(loop.iter)}:\n"
        lines += f"    {name}.append({ast.unparse(made.elt)})"
        return ast.parse(lines + ("" if isinstance(node, ast.Assign) else f"\nreturn {name}")).body


def part_by_name(node):
    """Give a sum's or product's first half a name of its own."""
    is_wanted = isinstance(node, ast.Return | ast.Assign) and isinstance(node.value, ast.BinOp)
    if is_wanted and isinstance(node.value.left, ast.BinOp | ast.Call):
        first = ast.Name("first", ast.Load())
        whole = ast.unparse(ast.BinOp(first, node.value.op, node.value.right))
        is_return = isinstance(node, ast.Return)
        head = "return " if is_return else f"{ast.unparse(node.targets[0])} = "
        return ast.parse(f"first = {ast.unparse(node.value.left)}\n{head}{whole}").body


RULES = (
    square_by_product,
    square_by_numpy,
    swap_product,
    swap_sum,
    method_as_function,
    axis_without_name,
    axis_for_dim,
    last_axis,
    length_by_shape,
    length_by_size,
    float_by_to,
    float_by_type,
    plain_sum,
    one_name_per_line,
    return_by_name,
    choice_by_if,
    comprehension_as_loop,
    part_by_name,
)


class Rewrite(ast.NodeTransformer):
    """Apply a rule wherever it can be applied and `decides()` is true."""

    def __init__(self, rule, decides):
        """Keep the rule."""
        self.rule, self.decides = rule, decides

    def generic_visit(self, node):
        """Change the parts, then the node itself."""
        super().generic_visit(node)
        changed = self.rule(node)
        return changed if changed is not None and self.decides() else node


def restyled(source, habits, generator):
    """Return a source as a person with `habits` {rule: how often, 0..1} would have written it."""
    tree = ast.parse(source)
    for rule, share in habits.items():
        if share:
            tree = Rewrite(rule, lambda share=share: generator.random() < share).visit(tree)
    return ast.unparse(ast.fix_missing_locations(tree))


# --- disguises of a copy ---------------------------------------------------------------------------

SYLLABLES = "ba ce di fo gu ka le mi no pu ra se ti vo xu za".split()
COMMENTS = (
    "first the easy part",
    "see the lecture",
    "this took me an hour",
    "as in the formula above",
    "shapes: one per row",
    "TODO check once more",
    "works now",
    "now put it together",
)


def renamed(source, generator):
    """Return a source with other names for all that its functions bind, arguments too."""
    tree = ast.parse(source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    bound = set().union(*(names_in(function)[1] for function in functions))
    # Two more syllables than a library's name may have: no name is taken twice.
    new = {
        name: "".join(SYLLABLES[k] for k in generator.integers(len(SYLLABLES), size=4)) + str(i)
        for i, name in enumerate(sorted(bound))
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = new.get(node.arg, node.arg)
    return ast.unparse(tree)


def reordered(source, generator):
    """Return a source in which neighbouring statements that do not need each other change places."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for i in range(len(body) - 1 if isinstance(body, list) else 0):
            if are_independent(body[i], body[i + 1]) and generator.random() < 0.8:
                body[i], body[i + 1] = body[i + 1], body[i]
    return ast.unparse(tree)


def are_independent(first, second):
    """Return whether two statements may change places (calls are taken to change nothing)."""
    if not all(
        isinstance(node, ast.Assign | ast.AugAssign | ast.FunctionDef) for node in (first, second)
    ):
        return False
    reads, binds = zip(*(all_names(node) for node in (first, second)))
    return not (binds[0] & (reads[1] | binds[1]) or binds[1] & reads[0])


def all_names(node):
    """Return (names read, names bound) of a statement, where a name may be both."""
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    bound = {n.id for n in names if isinstance(n.ctx, ast.Store)}
    read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    is_sum = isinstance(node, ast.AugAssign)
    return read | (bound if is_sum else set()), bound | {getattr(node, "name", "")}


def reformatted(source, generator):
    """Return a source with other spaces, quotes and line breaks, and with brackets around values."""
    lines = []
    for line in source.split("\n"):
        line = line.replace(", ", "," if generator.random() < 0.5 else ",  ")
        match = re.fullmatch(r"(\s*(?:return |\w+ = ))([^\"']+)", line)
        if match and generator.random() < 0.7:
            line = f"{match[1]}(\n        {match[2]}\n    )"
        lines += [line, ""] if generator.random() < 0.2 else [line]
    return "\n".join(lines).replace("'", '"')


def commented(source, generator):
    """Return a source with comments strewn in, and without those that stood there."""
    lines = [re.sub(r"\s*#.*", "", line) for line in source.split("\n")]
    for i, line in enumerate(lines):
        if line.strip() and generator.random() < 0.3:
            lines[i] = f"{line}  # {COMMENTS[generator.integers(len(COMMENTS))]}"
    return "\n".join(lines)
