"""The house: which package may import which, and how much of it each part of the lesson opens."""

import ast
import os
import subprocess
import sys
from functools import cache

import nbformat
import pytest
from typer.testing import CliRunner

from helpers.commands import cli
from helpers.exercises.cells import read_notebooks
from helpers.files import MAKERS, NOTEBOOKS, ROOT, TEACHERS
from helpers.grader.release import find_leaks, write_copies

HELPERS = ROOT / "helpers"
LESSON = "lesson"  # the modules that lie in helpers/ itself
# What each package may import besides itself and the ground on which all stand.
ARROWS = {
    "sources": set(),
    "alttext": set(),  # the kernel loads it by name; of the notebooks, none imports it
    LESSON: {"sources"},
    "exercises": {LESSON, "sources"},
    "predictions": {LESSON},
    "report": {LESSON, "exercises", "alttext", "predictions"},
    "live": {LESSON, "sources"},
    "extra": {LESSON, "sources", "live"},
    "maker": {LESSON, "sources", "live"},
    "grader": {LESSON, "sources", "exercises", "report"},
    "commands": {LESSON, "sources", "alttext", "exercises", "predictions", "report"}
    | {"extra", "maker", "grader"},
}
GROUND = {HELPERS / name for name in ("__init__.py", "files.py", "progress.py")}
DRAWN_SCENES = HELPERS / "sources" / "mini_scenes.py"
# What asks, checks and shows panels. It is no part of the lesson, so no Part counts it.
AROUND = {"exercises", "predictions", "live"}
MAX_LINES = {f"part{number}": 1300 for number in range(1, 5)} | {
    "part5": 1500,
    "part6": 1400,
    "part7": 1920,
    "part8": 1950,
}


def path_of(module):
    """Return the file of a module of the helpers, None for a name that is no module."""
    path = ROOT.joinpath(*module.split("."))
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists()), None)


def imports_in(source):
    """Return the files of the helpers that a source imports, at its top or in a function."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and all(alias.name != "*" for alias in node.names)
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            if parts[0] == "helpers":  # a module brings the __init__ of every package above it
                found |= {path_of(".".join(parts[: i + 1])) for i in range(len(parts))}
    return found - {None}


@cache
def imports_of(path):
    return frozenset(imports_in(path.read_text()) - {path})


def reach(source):
    """Return all files of the helpers that a source needs, directly or not."""
    found, new = set(), imports_in(source)
    while new:
        found |= new
        new = {path for known in new for path in imports_of(known)} - found
    return found


def package_of(path):
    parts = path.relative_to(HELPERS).parts
    return parts[0] if len(parts) > 1 else LESSON


def num_lines(paths):
    return sum(len(path.read_text().splitlines()) for path in paths if path != DRAWN_SCENES)


MODULES = sorted(HELPERS.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(HELPERS).as_posix())
def test_imports_go_one_way(path):
    own = package_of(path)
    for other in imports_of(path) - GROUND:
        allowed = ARROWS[own] | {own}
        assert package_of(other) in allowed, (
            f"{path.relative_to(ROOT)} must not import {other.relative_to(ROOT)}"
        )


def test_no_module_imports_itself_by_a_detour():
    for path in MODULES:
        if path.name != "__init__.py":
            beyond = imports_of(path) | {b for a in imports_of(path) for b in reach(a.read_text())}
            assert path not in beyond, f"{path.relative_to(ROOT)} is imported by what it imports"


@pytest.mark.parametrize("part", MAX_LINES)
def test_a_part_of_the_lesson_opens_few_modules(part):
    (path,) = NOTEBOOKS.glob(f"{part}_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    paths = set()
    for cell in cells:
        if cell.cell_type == "code" and "helpers" in cell.source:
            paths |= reach(cell.source)
    assert not {package_of(path) for path in paths} & {"report", "grader", "maker", "commands"}
    paths = {path for path in paths if package_of(path) not in AROUND}
    assert num_lines(paths) <= MAX_LINES[part], sorted(
        p.relative_to(HELPERS).as_posix() for p in paths
    )


def test_the_lesson_is_short_and_no_module_long():
    lines = {path: num_lines([path]) for path in MODULES}
    assert sum(lines[path] for path in HELPERS.glob("*.py")) <= 2120
    assert num_lines((HELPERS / "predictions").glob("*.py")) <= 750
    assert sorted(lines.values())[len(lines) // 2] <= 150
    assert [path.name for path, number in lines.items() if number > 350] == []


def test_lines_are_short():
    lines = [line for path in [*MODULES, *(ROOT / "tests").glob("*.py")] for line in path.open()]
    assert sum(len(line.rstrip()) > 100 for line in lines) <= len(lines) / 100


def test_a_release_of_this_workbook_holds_no_secret_and_no_tools_of_teachers(tmp_path):
    notebooks = read_notebooks()
    write_copies(notebooks, tmp_path / "copy")
    assert find_leaks(notebooks, tmp_path / "copy") == []
    folders = {path.name for path in (tmp_path / "copy" / "helpers").iterdir() if path.is_dir()}
    assert (tmp_path / "copy" / "helpers" / "live" / "curves.js").exists()
    assert "exercises" in folders and not folders & {TEACHERS, MAKERS}


def test_help_imports_no_torch():
    code = "import sys; sys.argv = ['workbook', '--help']\nfrom helpers.commands.cli import main\ntry: main()\nexcept"
    code += " SystemExit: print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ}
    )
    assert done.stdout.endswith("False False\n"), done.stderr


def test_the_help_names_each_command_in_a_whole_sentence(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(cli.app, ["--help"]).output
    lines = text.partition("Commands:")[2].strip().splitlines()
    assert len(lines) > 15 and all(line.endswith(".") for line in lines)
    assert not any(line.endswith("...") for line in lines)
