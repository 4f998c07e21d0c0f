"""two trees -> one ratio: how long the tests and the first cells of the notebooks take."""

import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from helpers.files import NOTEBOOKS, ROOT, WorkbookError
from helpers.progress import progress

COUNTS = r"(\d+) (passed|failed|skipped|errors?)"


def bench_tests(before=None):
    """Run pytest here and, with `before`, in the tree of that commit; print seconds and ratio."""
    seconds = {}
    with tree_of(before) as tree:
        for name, root in {before: tree, "this tree": ROOT}.items():
            if root:
                seconds[name], report = run_tests(root)
                counts = ", ".join(map(" ".join, re.findall(COUNTS, report.splitlines()[-1])))
                print(f"{name}: {seconds[name]:.0f} s; {counts}. The ten slowest:")
                print(*re.findall(r"^ *[\d.]+s \w+ +\S+.*$", report, re.M)[:10], sep="\n")
    if before:
        print(f"{seconds[before] / seconds['this tree']:.2f} times as fast as {before}")


def run_tests(root):
    """Run the quick tests of a tree; return (seconds, pytest's report)."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "--durations=10"]
    done = subprocess.run(command, cwd=root, env=in_tree(root), capture_output=True, text=True)
    return time.perf_counter() - start, done.stdout.strip()


def bench_start(before=None):
    """Start each notebook's kernel, here and at the commit `before`; time its first code cell."""
    with tree_of(before) as tree:
        trees = {name: root for name, root in ((before, tree), ("this tree", ROOT)) if root}
        print(f"{'first cell, s':<28}", *(f"{name:>12}" for name in trees))
        for path in progress(sorted(NOTEBOOKS.glob("*.ipynb")), unit="notebook"):
            times = [first_cell_s(root / "notebooks" / path.name, root) for root in trees.values()]
            print(f"{path.stem:<28}", *(f"{seconds:12.1f}" for seconds in times))


def first_cell_s(path, root):
    """Return the seconds that the first code cell of a notebook takes in a new kernel."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"][:1]
    options = {"kernel_name": "python3", "extra_arguments": ["--log-level=ERROR"]}
    client = NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}}, **options)
    with client.setup_kernel(env=in_tree(root)):
        start = time.perf_counter()
        client.execute_cell(notebook.cells[0], 0)
        return time.perf_counter() - start


def in_tree(root):
    """Return the environment in which `helpers` is that of a tree."""
    return os.environ | {"PYTHONPATH": str(root)}


@contextmanager
def tree_of(commit):
    """Yield a folder with the files of a commit for a while, None for no commit."""
    if commit is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        command = ["git", "worktree", "add", "--detach", str(tree), commit]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise WorkbookError(f"There is no commit {commit} here: {done.stderr.strip()}")
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT)
