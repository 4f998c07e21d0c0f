"""The student copy, as a student gets it: unpacked and installed in a new environment."""

import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from pathlib import Path

import nbformat
import pytest

from helpers.exercises.cells import read_notebooks
from helpers.files import NOTEBOOKS
from helpers.grader.release import release

NAME = "scene-workbook"
TEACHERS_COMMANDS = "release grade regrade export desk gradescope tune pretrain bench".split()


class Copy:
    """A student's folder with its own environment, in which commands run as they are typed."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment
        names = ("HOME", "LANG", "TMPDIR")
        self.variables = {
            k: os.environ[k]
            for k in os.environ
            if k in names or k.lower().startswith(("pip", "http"))
        }
        self.variables |= {
            "PATH": f"{environment}/bin:/usr/bin:/bin",
            "WORKBOOK_CACHE": str(folder / "cache"),
        }

    def type(self, command, seconds=600):
        """Return what a shell command prints and its exit status, and show both."""
        start = time.monotonic()
        options = {"capture_output": True, "text": True, "timeout": seconds, "cwd": self.folder}
        done = subprocess.run(["bash", "-c", command], env=self.variables, **options)
        print(
            f"$ {command}   [{done.returncode}, {time.monotonic() - start:.0f} s]\n{done.stdout}{done.stderr}"
        )
        return done.stdout + done.stderr, done.returncode


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """Unpack the zip, and install the copy in an environment of its own.

    That environment sees this one's packages, but not the workbook.
    """
    folder = tmp_path_factory.mktemp("student")
    release(folder / "out")
    zipfile.ZipFile(folder / "out" / f"{NAME}.zip").extractall(folder)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = folder / "venv" / "lib" / version / "site-packages"
    (site_packages / "shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    copy = Copy(folder / NAME, folder / "venv")
    output, status = copy.type("pip install -q -e .")
    assert status == 0, output
    return copy


@pytest.mark.slow
def test_lab_answers(student):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (
        f"exec workbook lab --no-browser --allow-root --ServerApp.port={port} --ServerApp.token=me"
    )
    with subprocess.Popen(
        ["bash", "-c", command], cwd=student.folder, env=student.variables
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}/api/contents/notebooks/part1_standard_scaler.ipynb?token=me"
            assert b"part1" in answer_of(address)
        finally:
            server.terminate()


def answer_of(address, seconds=60):
    """Return what a server says as soon as it does."""
    for _ in range(10 * seconds):
        try:
            return urllib.request.urlopen(address).read()
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(address)


@pytest.mark.slow
def test_check_counts_no_points_yet(student):
    output, status = student.type("workbook check")
    assert status == 0 and "\n0 of 260 points." in output and "Traceback" not in output
    assert output.count("not solved yet") == 34 and "not answered yet: " in output


@pytest.mark.slow
def test_an_unsolved_part_runs_and_says_what_is_open(student):
    output, status = student.type("workbook run 1 --quick")
    assert status == 0 and "Traceback" not in output
    assert "part1_standard_scaler: ok, not solved yet: running_mean_and_std, standardise" in output


@pytest.mark.slow
def test_the_report_is_written(student):
    output, status = student.type("workbook report --name 'Ada Lovelace'")
    assert status == 0 and "Traceback" not in output and "missing: " in output
    assert (student.folder / "report.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_help_lists_students_commands_alone(student):
    output, _ = student.type("workbook --help")
    commands = re.findall(r"^  (\w+) ", output.split("Commands:")[1], flags=re.M)
    assert {"lab", "run", "data", "check", "report", "train", "update"} == set(commands)
    for command in TEACHERS_COMMANDS:
        output, status = student.type(f"workbook {command}")
        assert status == 2 and "Traceback" not in output


@pytest.mark.slow
def test_pytest_says_what_is_open_and_passes_what_is_solved(student):
    """Both README commands, with Part 3 solved.

    It is `python -m pytest` here, as the shared pytest has no script.
    """
    solve(student.folder / "notebooks" / "part3_loss.ipynb")
    assert student.type('pip install -q -e ".[test]"')[1] == 0
    output, status = student.type("python -m pytest")
    assert status == 1
    failed = re.findall(r"^FAILED notebooks/(\w+)\.ipynb::Cell", output, flags=re.M)
    # One check fails for each open exercise, and no other cell.
    assert len(failed) == 29 and "part3_loss" not in failed
    assert "accuracy: not solved yet" in output and "cross_entropy: not solved yet" not in output
    assert "in check_" not in output  # no traceback of a check's source


def solve(path):
    """Put the master's solutions into a student's notebook."""
    notebook, master = nbformat.read(path, as_version=4), read_notebooks(NOTEBOOKS)[path.stem]
    solutions = {cell.id: cell.source for cell in master.cells if "exercise" in cell.metadata}
    for cell in notebook.cells:
        cell.source = solutions.get(cell.id, cell.source)
    nbformat.write(notebook, path)


@pytest.mark.slow
def test_no_output_of_any_cell_travels_with_the_copy(student):
    for path in Path(student.folder / "notebooks").glob("*.ipynb"):
        cells = [
            cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
        ]
        assert not any(cell.outputs or cell.execution_count for cell in cells), path.name
