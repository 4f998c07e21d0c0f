"""Grading is fair to honest work and gives nothing to cheats.

nbval scores, and the kernel runs in a sandbox.
"""

import concurrent.futures
import csv
import json
import mmap
import os
import re
import socket
import subprocess
import sys
import time
import zipfile

import nbformat
import numpy as np
import psutil
import pytest
import test_checks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.exercises.cells import imports_of, read_notebooks, tags_of
from helpers.files import NOTEBOOKS, WorkbookError
from helpers.grader import (
    grading,
    hidden,
    judging,
    probes,
    running,
    sandbox,
    scoring,
    submissions,
    watching,
)
from helpers.grader.gradescope import make_autograder
from helpers.grader.release import student_copy

needs_bubblewrap = pytest.mark.skipif(
    not sandbox.bubblewrap(), reason="bubblewrap is not installed or not allowed"
)
SECRET = "a secret of the tests"


# --- hidden inputs: right and wrong answers, without a kernel -------------------------------------


def failed_kinds(name, function, seed="0"):
    """Return the kinds of hidden input on which a function is wrong."""
    solution = test_checks._run(test_checks.SOURCES[name], name)
    failed = []
    for kind, inputs in hidden.draw(name, hidden.generator_for(SECRET, seed, name)):
        inputs = json.loads(json.dumps(inputs))
        expected = None if name in judging.VERIFY else probes.values_of(name, solution, inputs)
        try:
            got = json.loads(json.dumps(probes.values_of(name, function, inputs)))
        except Exception:
            got = None
        if not judging.is_right(name, inputs, expected, got):
            failed.append(kind)
    return failed


def test_every_exercise_has_hidden_inputs():
    assert set(hidden.DRAWS) == set(test_checks.SOURCES)


@pytest.mark.parametrize("name", hidden.DRAWS)
def test_the_masters_solution_is_right_whatever_is_drawn(name):
    function = test_checks._run(test_checks.SOURCES[name], name)
    assert all(failed_kinds(name, function, str(seed)) == [] for seed in range(8))


@pytest.mark.parametrize("mistake", test_checks.MISTAKES)
def test_a_plausible_mistake_fails_on_hidden_inputs_too(mistake):
    function = test_checks._run(test_checks.wrong_source(mistake), mistake.exercise)
    assert failed_kinds(mistake.exercise, function)


def test_the_same_secret_and_submission_draw_the_same_and_others_do_not():
    drawn = lambda *names: json.dumps(hidden.draw("log_sum_exp", hidden.generator_for(*names)))
    assert drawn("s", "a") == drawn("s", "a")
    assert len({drawn("s", "a"), drawn("s", "b"), drawn("t", "a")}) == 3


@pytest.mark.parametrize(
    "got", [None, "nan", ["nan"], {"type": "Anything"}, {"shape": [2], "values": ["inf", 1]}, [[]]]
)
def test_odd_values_are_wrong_and_raise_nothing(got):
    assert not judging.is_right("standardise", [], {"shape": [2], "values": [1.0, 2.0]}, got)


def test_honest_differences_in_the_last_digits_and_in_types_are_right():
    expected = [0.5, 300.0]
    assert judging.agrees(
        expected, [0.5000001, {"dtype": "float32", "shape": [], "values": [300.00003]}]
    )
    assert not judging.agrees(expected, [0.51, 300.0]), "a mean may be small beside a deviation"
    array = {"shape": [2], "values": [1.0, 2.0]}
    assert judging.agrees(array, [1.0, 2.0]) and not judging.agrees(
        array, {"shape": [1, 2], "values": [1.0, 2.0]}
    )


def test_values_come_back_from_json_as_they_were():
    value = [np.float32(0.1), np.arange(6, dtype=np.uint8).reshape(2, 3), 7, "mean", True]
    back = probes.decode(json.loads(json.dumps(hidden.to_json(value))))
    assert (
        back[2:] == [7, "mean", True]
        and back[1].shape == (2, 3)
        and np.float32(back[0]) == value[0]
    )
    assert probes.encode(float("nan")) == "nan" and probes.encode(object()) == {"type": "object"}


# --- cheats: each is an exercise of its own, between honest ones ----------------------------------

WRONG = "def {name}(x):\n    return 0 * x"
LOOK = "def {name}(x):\n    raise AssertionError(look())"  # the visible check shows what it found
CHEATS = {
    "skip": f"# NBVAL_SKIP\n{WRONG}",
    "ignore_output": f"# NBVAL_IGNORE_OUTPUT\n{WRONG}",
    "raises": f"# NBVAL_RAISES_EXCEPTION\n{WRONG}\nraise ValueError",
    "equal_to_all": "class Equal(float):\n    __eq__ = __le__ = __ge__ = lambda *a: True\n    __hash__ = None\n"
    "    __array__ = lambda *a: 1\ndef {name}(x):\n    return Equal(0)",
    "mock": "from unittest.mock import MagicMock\ndef {name}(x):\n    return MagicMock()",
    "not_a_number": "def {name}(x):\n    return float('nan') * x",
    "frames": "import sys\ndef {name}(x):\n    frame = sys._getframe(1)\n    while frame:\n"
    "        if 'expected' in frame.f_locals:\n            return frame.f_locals['expected']\n"
    "        frame = frame.f_back\n    return 0 * x",
    "forged_line": WRONG + "\nimport builtins, os\nos.write(1, b'{name}: right\\n')",
    "files": "import os, sys\nends = '.ipynb', '.jsonl', 'secret.txt', 'hidden.py'\n"
    "def look():\n    found = []\n    for r, folders, names in os.walk('/'):\n"
    "        if r in ('/proc', '/usr', sys.prefix, sys.base_prefix):\n            folders.clear()\n"
    "        else:\n            found += [n for n in names if n.endswith(ends)]\n"
    "    return found\n" + LOOK,
    "environment": "import os\ndef look():\n    return sorted(os.environ)\n" + LOOK,
    "processes": "import os\ndef look():\n    return [open(f'/proc/{{p}}/cmdline').read()[:15] for p in "
    "os.listdir('/proc') if p.isdigit()]\n" + LOOK,
    "network": "import socket\ndef look():\n    return socket.create_connection(('127.0.0.1', PORT), 2)\n"
    + LOOK,
    "helpers": "import helpers.files\nopen(helpers.files.__file__, 'w').write('')\n" + WRONG,
    "parent": "import os\nfor _ in range(3):\n    os.kill(os.getppid(), 9)\n" + WRONG,
    "system": "import os\ndef look():\n    return open('/proc/sys/kernel/core_pattern', 'w')\n"
    + LOOK,
    "namespaces": "import subprocess\ndef look():\n    return subprocess.run(['unshare', '-Urm', 'true']).returncode\n"
    + LOOK,
    "hidden_memory": "import os, time\ndef {name}(x):\n    for n in range(30):\n"
    "        os.posix_fallocate(os.memfd_create(str(n)), 0, 2**24)\n    time.sleep(9)",
    "hidden_files": "import os, sys, time\ndef {name}(x):\n    place = sys.argv[-1].rsplit('/', 2)[0] + '/sockets/a'\n"
    "    for n in range(30):\n        file = os.open(place, os.O_CREAT | os.O_RDWR)\n        os.unlink(place)\n"
    "        os.posix_fallocate(file, 0, 2**24)\n    time.sleep(9)",
    "sysv": "import ctypes\nlibc = ctypes.CDLL(None)\ndef look():\n    return libc.shmget(0, 2**30, 0o1600)\n"
    + LOOK,
    "cores": "import os\ndef look():\n    return os.sched_setaffinity(0, range(99))\n" + LOOK,
    "unmapped": "import ctypes, os, time\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\n"
    "def {name}(x):\n    zero = os.open('/dev/zero', os.O_RDWR)\n    for n in range(40):\n"
    "        place = libc.mmap(None, ctypes.c_size_t(2**26), 3, 1, zero, 0)\n"
    "        ctypes.memset(ctypes.c_void_p(place), 1, 2**26)\n"
    "        libc.munmap(ctypes.c_void_p(place + 4096), ctypes.c_size_t(2**26 - 4096))\n    time.sleep(9)",
    "sockets": "import os, socket, time\ndef {name}(x):\n    for _ in range(6):\n        os.fork()\n"
    "    kept = [socket.socketpair() for n in range(90)]\n    time.sleep(9)",
    "disk": "for n in range(100):\n    open(f'/tmp/{{n}}', 'wb').write(bytes(2**24))\n" + WRONG,
    "exit": "import os\ndef {name}(x):\n    os._exit(0)",
    "recursion": "import sys\nsys.setrecursionlimit(10**8)\ndef {name}(x):\n    return {name}(x + 1)",
    "endless": "def {name}(x):\n    while True:\n        pass",
    "deaf": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "def {name}(x):\n    while True:\n        pass",
    "printer": "def {name}(x):\n    while True:\n        print('x' * 10**6)",
    "talker": "import threading, time\ndef talk():\n    while True:\n        print('.')\n"
    "threading.Thread(target=talk, daemon=True).start()\n" + WRONG,
    "forks": "import os, time\ndef {name}(x):\n    while True:\n        os.fork()\n        time.sleep(0.01)",
    "memory": "def {name}(x):\n    return [bytearray(2**27) for _ in range(40)]",
}
POISON = {  # what changes its own process stays so: these are a submission of their own
    "patched_checks": "import torch, numpy\nfrom helpers.exercises.checks import tools\ntools.CheckFailed = Exception\n"
    "torch.allclose = numpy.allclose = lambda *a, **k: True\n" + WRONG,
    "patched_probes": "import probes\nprobes.encode = lambda value: 'nan'\n" + WRONG,
    "forged_values": "import probes\nfrom IPython.display import display\n"
    "probes.display = lambda data, raw: display({{probes.MIME: data}}, raw=True)\n" + WRONG,
    "silenced": "get_ipython().showtraceback = lambda *a, **k: print('{name}: right')\n" + WRONG,
}
FULL = {  # what it leaves on the disk stops all that comes after it in its submission
    "deep": "import os, sys, time\ndef {name}(x):\n    os.chdir(sys.argv[-1].rsplit('/', 2)[0] + '/sockets')\n"
    "    for n in range(3000):\n        os.mkdir('d')\n        os.chdir('d')\n    time.sleep(9)",
}
# So many kernels die here that the time of one submission would not do for them.
LIMITS = sandbox.Limits(seconds=600, exercise_seconds=4, memory_mb=2000, processes=40, output_mb=2)


def doubling(name, points=1):
    """Return the master's cells of an exercise that asks for 2 x."""
    metadata = {"exercise": name, "points": points}
    source = f"def {name}(x):\n    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION"
    check = f"expected = 8\ngot = {name}(4)\nassert got == expected, f'expected 8, got {{got}}'\nprint('{name}: right')"
    return [
        new_code_cell(source, metadata=metadata | {"tags": ["exercise"]}),
        new_code_cell(check, metadata=metadata | {"tags": ["check"]}),
    ]


def plan_of(names, monkeypatch, limits=LIMITS, box="bubblewrap"):
    """Return a Plan of exercises that double a number."""
    for name in names:
        draws = lambda g: [
            ("small numbers", g.uniform(1, 2)),
            ("large numbers", g.uniform(100, 200)),
        ]
        monkeypatch.setitem(hidden.DRAWS, name, draws)
    cells = [cell for name in names for cell in doubling(name)]
    return scoring.make_plan({"part1_x": new_notebook(cells=cells)}, SECRET, limits, box)


def scores(plan, sources):
    """Return {exercise: Score} of a submission."""
    notebook = scoring.grading_notebook(plan, sources, {}, "digest")
    lines, *_ = running.run_notebook(notebook, plan.sandbox, plan.limits)
    return {score.exercise: score for score in scoring.scores_of(notebook, lines, plan)}


@pytest.fixture(scope="module")
def outcome():
    """Run all cheats, with honest exercises among them; return {exercise: Score}."""
    if not sandbox.bubblewrap():
        pytest.skip("bubblewrap is not installed or not allowed")
    with pytest.MonkeyPatch.context() as monkeypatch, socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.1)
        port = str(server.getsockname()[1])
        honest = "import warnings\ndef {name}(x):\n    print('thinking')\n    warnings.warn('x')\n    return x + x"
        found = {}
        for texts in ({"honest_1": honest} | CHEATS | {"honest_2": honest}, POISON, FULL):
            sources = {
                name: text.format(name=name).replace("PORT", port) for name, text in texts.items()
            }
            found |= scores(plan_of(list(sources), monkeypatch), sources)
        with pytest.raises(TimeoutError):
            server.accept()
    return found


@pytest.mark.slow
@needs_bubblewrap
@pytest.mark.parametrize("name", CHEATS | POISON | FULL)
def test_a_cheat_gets_no_points(name, outcome):
    assert outcome[name].points == 0 and outcome[name].message != "right"


@pytest.mark.slow
@needs_bubblewrap
def test_honest_work_before_and_after_all_cheats_gets_its_points(outcome):
    assert outcome["honest_1"].points == 1, outcome["honest_1"].message
    assert outcome["honest_2"].points == 1, outcome["honest_2"].message


SAID = {
    "files": r"^AssertionError: \[\]$",
    "environment": "'HOME', 'IPYTHONDIR', ",
    "processes": "bwrap",
    "helpers": "Read-only file system",
    "network": "Connection refused|unreachable",
    "disk": "No space left",
    "system": "Read-only|Permission|No such file",
    "namespaces": "AssertionError: 1",
    "hidden_memory": "not permitted",
    "hidden_files": "died",
    "sysv": "AssertionError: -1",
    "cores": "not permitted",
    "unmapped": "died",
    "sockets": "died",
    "deep": "died",
    "exit": "process died",
    "endless": "more than 4 seconds",
    "deaf": "more than 4 seconds",
    "printer": "printed too much|died|more than 4",
    "forks": "died|more than 4",
    "memory": "died|more than 4",
    "mock": "expected 8, got",
    "patched_checks": "expected 8, got 0",
    "silenced": "hidden one fails, with: small numbers, large numbers",
}


@pytest.mark.slow
@needs_bubblewrap
@pytest.mark.parametrize("name", SAID)
def test_a_cheat_finds_nothing_and_its_feedback_says_what_happened(name, outcome):
    message = outcome[name].message
    assert re.search(SAID[name], message), message
    assert SECRET not in message and "pytest" not in message and "SECRET" not in message


@needs_bubblewrap
@pytest.mark.slow
def test_hidden_inputs_leave_by_no_message(monkeypatch):
    thief = "seen = []\ndef thief(x):\n    seen.append(x)\n    return 2 * x"
    teller = "if len(seen) > 1:\n    raise AssertionError(f'seen: {seen}')\ndef teller(x):\n    return 2 * x"
    found = scores(plan_of(["thief", "teller"], monkeypatch), {"thief": thief, "teller": teller})
    assert found["thief"].points == 1
    assert found["teller"].message.endswith("with: small numbers, large numbers."), found[
        "teller"
    ].message


@pytest.mark.slow
@needs_bubblewrap
def test_a_neighbour_that_keeps_25_processes_busy_costs_nobody_points(monkeypatch):
    busy = "import subprocess\ndef busy(x):\n    all_of = [subprocess.Popen(['sh', '-c', 'while :; do :; done'])"
    sources = {"busy": f"{busy} for _ in range(25)]\n    while True:\n        pass"}
    sources |= {"honest": "def honest(x):\n    return x + x"}
    plan = plan_of(list(sources), monkeypatch, sandbox.Limits(seconds=25))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        both = [pool.submit(scores, plan, {name: source}) for name, source in sources.items()]
        found = both[0].result() | both[1].result()
    assert found["honest"].points == 1, found["honest"].message


def test_a_core_is_lent_to_one_submission_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(watching.tempfile, "tempdir", str(tmp_path))
    with watching.own_core() as first, watching.own_core() as second:
        several = len(os.sched_getaffinity(0)) > 1
        assert len(first) == len(second) == 1 and (first != second) == several
    with watching.own_core() as again:
        assert again == first


def test_what_waited_for_the_machine_was_starved_and_what_slept_or_worked_was_not():
    usage = watching.Usage()
    usage.start -= 10
    for ran, waited, was_starved in ((1, 8, True), (1, 0, False), (9, 8, False)):
        usage.ran, usage.waited = {1: ran}, {1: waited}
        assert usage.was_starved() == was_starved


def test_memory_that_is_in_no_process_is_counted(tmp_path):
    with (tmp_path / "gone").open("w+b") as file:
        file.write(bytes(2**22))
        file.flush()
        kept = mmap.mmap(file.fileno(), 2**22)
        (tmp_path / "gone").unlink()
        assert watching.mapped_sizes(os.getpid())[os.fstat(file.fileno()).st_ino] >= 2**22
        held, num_open = watching.hidden_bytes([psutil.Process()])
        assert held >= 2**22 and num_open > 3
        kept.close()


def test_folders_deeper_than_can_be_counted_are_too_much(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(bytes(10_000))
    assert 12_000 <= watching.size_of(tmp_path) < 100_000
    (tmp_path / "/".join("d" * 30)).mkdir(parents=True)
    assert watching.size_of(tmp_path) == float("inf")


def test_where_systemd_answers_a_kernel_gets_a_scope_with_the_limits(tmp_path, monkeypatch):
    called = tmp_path / "systemd-run"
    called.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n')
    called.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    limits = sandbox.Limits(memory_mb=1234)
    words = sandbox.scope(limits)
    assert {"--property=MemoryMax=1234M", "--property=MemorySwapMax=0"} <= set(words)
    with sandbox.temporary_folder() as folder:
        sandbox.make_workplace(folder, "none", limits, [0])
        argv = json.loads((folder / "kernels" / "sandbox" / "kernel.json").read_text())["argv"]
    assert argv[: len(words)] == words


@pytest.mark.slow
@needs_bubblewrap
def test_one_long_message_takes_no_memory_from_the_grader(monkeypatch):
    # `memory_mb` measures the kernel's processes together, and the grader's one.
    held, measure = [], watching.memory_mb

    def memory_mb(processes):
        mb = measure(processes)
        held.extend([mb] if len(processes) == 1 else [])
        return mb

    monkeypatch.setattr(watching, "memory_mb", memory_mb)
    shouter = "def shouter(x):\n    print('x' * (150 * 2**20))\n    return 2 * x"
    found = scores(plan_of(["shouter"], monkeypatch), {"shouter": shouter})
    assert found["shouter"].points == 0 and max(held) < 300, (found["shouter"].message, max(held))


@needs_bubblewrap
@pytest.mark.slow
def test_time_is_bounded_and_what_was_not_reached_gets_nothing(monkeypatch):
    endless = "def {name}(x):\n    while True:\n        pass"
    names = [f"endless_{n}" for n in range(4)] + ["late"]
    plan = plan_of(names, monkeypatch, sandbox.Limits(seconds=6, exercise_seconds=3))
    start = time.monotonic()
    found = scores(plan, {name: endless.format(name=name) for name in names})
    assert time.monotonic() - start < 40, "a kernel that has begun to start may do so"
    assert all(score.points == 0 for score in found.values()) and "time" in found["late"].message


def test_without_bubblewrap_root_lets_another_user_run_the_students_code(monkeypatch, tmp_path):
    if not sandbox.can_be_another():
        pytest.skip("not root, or other users cannot run this Python")
    private = tmp_path / "private.txt"
    private.write_text("an answer")
    private.chmod(0o600)
    sources = {
        "honest": "def honest(x):\n    return x + x",
        "reader": f"def reader(x):\n    raise AssertionError(open({str(private)!r}).read())",
        "user": "import os\ndef user(x):\n    raise AssertionError(str((os.getuid() > 10**6, os.getgroups())))",
        "linker": "import glob, os, sys\nfor folder in glob.glob(sys.argv[-1].rsplit('/', 2)[0] + '/sockets'):\n"
        f"    os.symlink({str(private)!r}, folder + '/aa')\ndef linker(x):\n    os._exit(0)",
        "again": f"def again(x):\n    raise AssertionError(open({str(private)!r}).read())",
    }
    found = scores(plan_of(list(sources), monkeypatch, box="user"), sources)
    assert found["honest"].points == 1, found["honest"].message
    assert "Permission" in found["reader"].message and "Permission" in found["again"].message
    assert "(True, [])" in found["user"].message and private.stat().st_uid == 0


def test_without_any_sandbox_it_does_not_go_on_unless_told(monkeypatch):
    monkeypatch.setattr(sandbox, "bubblewrap", lambda: [])
    monkeypatch.setattr(sandbox, "can_be_another", lambda: False)
    with pytest.raises(WorkbookError, match="--unsafe"):
        sandbox.find_sandbox()
    assert sandbox.find_sandbox(unsafe=True) == "none"


# --- what comes in --------------------------------------------------------------------------------


MASTERS = {"part1_x": new_notebook(cells=[*doubling("double", 5), *doubling("twice", 5)])}
MASTERS["part1_x"].cells.append(
    new_markdown_cell("A model answer.", metadata={"tags": ["answer"], "question": "why"})
)


def copy_with(**sources):
    """Return a student's copy of MASTERS' notebook, with these solutions."""
    copy = student_copy(MASTERS["part1_x"])
    for cell in copy.cells:
        if "exercise" in cell.metadata.get("tags", []):
            cell.source = sources.get(cell.metadata["exercise"], cell.source)
    return copy


DOUBLE = "def double(x):\n    return x + x"


def write(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def read(path):
    return submissions.read_submission("ada", path, MASTERS)


def test_a_whole_copy_and_one_in_a_zip_in_a_zip_give_the_same(tmp_path):
    write(tmp_path / "ada" / "notebooks" / "part1_x.ipynb", copy_with(double=DOUBLE))
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as inner:
        inner.write(tmp_path / "ada" / "notebooks" / "part1_x.ipynb", "my work/part1_x.ipynb")
        inner.writestr("__MACOSX/my work/._part1_x.ipynb", b"droppings")
    with zipfile.ZipFile(tmp_path / "ada.zip", "w") as outer:
        outer.write(tmp_path / "inner.zip", "inner.zip")
        outer.writestr(".DS_Store", b"droppings")
    folder, zipped = read(tmp_path / "ada"), read(tmp_path / "ada.zip")
    assert folder.sources["double"] == DOUBLE and folder == zipped and not folder.refused


def test_cells_without_ids_are_read_without_a_warning(tmp_path, recwarn):
    path = tmp_path / "ada" / "part1_x.ipynb"
    write(path, copy_with(double=DOUBLE))
    content = json.loads(path.read_text())
    for cell in content["cells"]:
        del cell["id"]
    path.write_text(json.dumps(content))
    assert read(tmp_path / "ada").sources["double"] == DOUBLE and not recwarn.list


def untagged():
    return new_notebook(cells=[new_code_cell(DOUBLE)])


def moved():
    copy = copy_with(double=DOUBLE)
    copy.cells.reverse()
    return copy


def duplicated():
    copy = copy_with(double=DOUBLE)
    copy.cells.append(copy_with().cells[0])  # the stub once more, below
    copy.cells[-1].id = "again"
    return copy


@pytest.mark.parametrize(
    "notebook", [untagged(), moved(), duplicated()], ids=["untagged", "moved", "duplicated"]
)
@pytest.mark.parametrize("name", ["part1_x.ipynb", "Kopie von part1 (1).ipynb"])
def test_work_is_found_wherever_it_stands(notebook, name, tmp_path):
    write(tmp_path / "ada" / name, notebook)
    assert read(tmp_path / "ada").sources["double"] == DOUBLE


def test_of_two_versions_the_last_counts_and_a_note_says_so(tmp_path):
    write(tmp_path / "ada" / "part1_x.ipynb", copy_with(double=DOUBLE))
    write(tmp_path / "ada" / "old part1.ipynb", copy_with(double="def double(x):\n    return x"))
    write(
        tmp_path / "ada" / ".ipynb_checkpoints" / "part1_x-checkpoint.ipynb",
        copy_with(double="1 / 0"),
    )
    found = read(tmp_path / "ada")
    assert found.sources["double"] == DOUBLE and any(
        "several versions" in note for note in found.notes
    )


def test_what_is_missing_or_damaged_is_noted_and_the_rest_is_read(tmp_path):
    write(tmp_path / "ada" / "part1_x.ipynb", untagged())
    (tmp_path / "ada" / "part2_x.ipynb").write_text("{" * 10**5)
    found = read(tmp_path / "ada")
    assert found.sources == {"double": DOUBLE}
    assert found.notes == ("part2_x.ipynb cannot be read as a notebook.", "Not there: twice.")


def zip_of(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)


def link_entry():
    info = zipfile.ZipInfo("a.ipynb")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


HOSTILE = {
    "a path out of it": ([("../../a.ipynb", "{}")], "points out of the zip"),
    "an absolute path": ([("/etc/a.ipynb", "{}")], "points out of the zip"),
    "a link": ([(link_entry(), "/etc/passwd")], "is a link"),
    "a bomb": ([("a.ipynb", bytes(41 * 2**20))], "larger than 40 MB"),
    "many bombs": ([(f"{n}.ipynb", bytes(39 * 2**20)) for n in range(6)], "larger than 200 MB"),
    "many notebooks": ([(f"{n}.ipynb", b"") for n in range(301)], "more than 300 notebooks"),
    "nothing": ([("a.txt", b"")], "holds no notebook"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_zip_is_refused_by_name(what, tmp_path):
    entries, message = HOSTILE[what]
    zip_of(tmp_path / "ada.zip", entries)
    assert message in read(tmp_path / "ada.zip").refused


@pytest.mark.parametrize(
    "source", [5, None, {}, "x = '\ud800'", "-" * 10**5 + "1", "a" + ".b" * 10**5, "a\n" * 10**6]
)
def test_a_source_that_nobody_writes_costs_itself_alone(source, tmp_path):
    notebook = json.loads(nbformat.writes(untagged()))
    odd = {
        "cell_type": "code",
        "id": "odd",
        "metadata": {"tags": ["exercise"], "exercise": "twice"},
        "outputs": [],
    }
    notebook["cells"] += [
        odd | {"source": source, "execution_count": None},
        {"metadata": {}, "source": "x"},
    ]
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "part1_x.ipynb").write_text(json.dumps(notebook))
    found = read(tmp_path / "ada")
    assert found.sources.get("double", DOUBLE) == DOUBLE and isinstance(found.refused, str)


def test_a_notebook_of_millions_of_parts_and_damaged_zips_are_refused(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "a.ipynb").write_text("[" + "{}," * 2_000_000 + "{}]")
    assert "too many parts" in read(tmp_path / "ada").refused
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "ada.zip", "w", method) as archive:
            archive.writestr("a.ipynb", nbformat.writes(untagged()) * 50)
        content = bytearray((tmp_path / "ada.zip").read_bytes())
        content[60:120] = bytes(60)
        (tmp_path / "ada.zip").write_bytes(content)
        assert "cannot be read" in read(tmp_path / "ada.zip").refused


def test_a_lone_notebook_is_a_submission_and_a_marked_cell_goes_before_a_scratch_one(tmp_path):
    copy = copy_with(double=DOUBLE)
    copy.cells.append(new_code_cell("%%time\ndef double(x):\n    return 3 * x"))
    write(tmp_path / "class" / "ada.ipynb", copy)
    (path,) = submissions.find_submissions(tmp_path / "class").values()
    assert read(path).sources["double"] == DOUBLE


def test_a_zip_that_is_none_and_one_too_deep_are_refused(tmp_path):
    (tmp_path / "ada.zip").write_bytes(b"no zip")
    assert "cannot be read" in read(tmp_path / "ada.zip").refused
    (tmp_path / "0.zip").write_bytes(b"")
    for n in range(4):
        zip_of(tmp_path / f"{n + 1}.zip", [(f"{n}.zip", (tmp_path / f"{n}.zip").read_bytes())])
    assert "a zip in a zip in a zip" in read(tmp_path / "4.zip").refused


def test_a_link_in_a_folder_is_refused(tmp_path):
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "part1_x.ipynb").symlink_to("/etc/passwd")
    assert read(tmp_path / "ada").refused == "part1_x.ipynb is a link."


def test_a_folder_without_submissions_is_a_sentence(tmp_path):
    with pytest.raises(WorkbookError, match="holds no submissions"):
        submissions.find_submissions(tmp_path)
    with pytest.raises(WorkbookError, match="no folder"):
        submissions.find_submissions(tmp_path / "absent")


# --- what comes out -------------------------------------------------------------------------------


@pytest.fixture
def a_class(tmp_path, monkeypatch):
    """Return (submissions, masters) of three students.

    A stand-in runs them and finds every cell right.
    """

    def all_right(notebook, *_):
        lines = [
            dict(cell.metadata["grading"]) | {"passed": True, "message": ""}
            for cell in notebook.cells
        ]
        ran.append(1)
        return lines, "", False

    ran = []
    for name in ("double", "twice"):
        monkeypatch.setitem(hidden.DRAWS, name, lambda g: [("numbers", g.uniform(1, 2))])
    monkeypatch.setattr(grading, "run_notebook", all_right)
    monkeypatch.setattr(grading, "find_sandbox", lambda unsafe: "none")
    write(tmp_path / "masters" / "part1_x.ipynb", MASTERS["part1_x"])
    for name, answer in (
        ("ada", "=1+1"),
        ("bob", "Because."),
        ("<b>eve", "<script>alert(1)</script>"),
    ):
        copy = copy_with(double=DOUBLE, twice="def twice(x):\n    return x + x")
        copy.cells[-1].source = answer
        write(tmp_path / "class" / name / "part1_x.ipynb", copy)
    return tmp_path / "class", tmp_path / "masters", ran


def rows_of(path):
    with path.open(newline="") as file:
        csv.field_size_limit(2**30)
        return list(csv.DictReader(file))


def test_grades_feedback_and_answers_are_written(a_class, tmp_path):
    graded = grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    assert [g.points for g in graded] == [10, 10, 10]
    rows = rows_of(tmp_path / "out" / "grades.csv")
    assert list(rows[0]) == [
        "submission",
        "double",
        "twice",
        "answers",
        "status",
        "seconds",
        "total",
    ]
    assert [row["submission"] for row in rows] == ["<b>eve", "ada", "bob"] and rows[1][
        "total"
    ] == "10"
    answers = rows_of(tmp_path / "out" / "answers" / "why.csv")
    assert answers[1]["answer"] == "'=1+1", "no spreadsheet computes what a student wrote"
    pages = [path.read_text() for path in (tmp_path / "out" / "feedback").glob("*.html")]
    assert len(pages) == 3 and not any("<b>eve" in page or "<script>" in page for page in pages)
    result = json.loads((tmp_path / "out" / "gradescope" / "ada" / "results.json").read_text())
    assert result["score"] == 10 and [t["max_score"] for t in result["tests"]] == [5, 5]


def test_points_given_by_hand_stay_and_count(a_class, tmp_path):
    grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    path = tmp_path / "out" / "answers" / "why.csv"
    path.write_text(path.read_text().replace("Because.,,", "Because.,2.5,well said"))
    grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    assert rows_of(path)[2]["comment"] == "well said"
    row = rows_of(tmp_path / "out" / "grades.csv")[2]
    assert (row["answers"], row["total"]) == ("2.5", "12.5")
    assert "well said" in (tmp_path / "out" / "feedback" / "bob.html").read_text()
    # As Excel saves it in some countries.
    path.write_text("\ufeff" + path.read_text().replace(",", ";"))
    grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    assert rows_of(path)[2]["comment"] == "well said"
    path.write_text(path.read_text().replace("2.5", "a lot"))
    with pytest.raises(WorkbookError, match='the points of bob are "a lot"'):
        grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)


def test_what_utf_8_cannot_say_and_long_answers_stop_nobody(a_class, tmp_path):
    copy = copy_with(double=DOUBLE)
    copy.cells[-1].source = "x" * 200_000
    write(a_class[0] / "ada" / "part1_x.ipynb", copy)
    text = json.dumps(json.loads(nbformat.writes(copy))).replace("x" * 200_000, "\\ud800")
    (a_class[0] / "bob" / "part1_x.ipynb").write_text(text)
    for _ in range(2):
        grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    assert [row["answer"] for row in rows_of(tmp_path / "out" / "answers" / "why.csv")][1:] == [
        "x" * 200_000,
        "?",
    ]
    assert scoring.clean("a\ud800\x1b[31m") == "a? [31m"


def test_only_what_changed_is_graded_again(a_class, tmp_path):
    folder, masters, ran = a_class
    grading.grade(folder, tmp_path / "out", masters, jobs=1)
    first = (tmp_path / "out" / "grades.csv").read_bytes()
    grading.grade(folder, tmp_path / "out", masters, jobs=1)
    assert len(ran) == 1 + 3 and (tmp_path / "out" / "grades.csv").read_bytes() == first
    write(folder / "bob" / "part1_x.ipynb", copy_with(double=DOUBLE))
    (tmp_path / "out" / "results" / "ada.json").write_text("{")
    grading.grade(folder, tmp_path / "out", masters, jobs=1)
    assert len(ran) == 1 + 5, "the master, what changed, and what was damaged"
    grading.grade(folder, tmp_path / "out", masters, secret="another secret", jobs=1)
    assert len(ran) == 2 + 8, "with another secret all, the master too"


def test_what_a_busy_machine_cut_short_gets_one_more_try_alone(a_class, tmp_path, monkeypatch):
    run, starved = grading.run_notebook, ([], "time is up", True)
    # The master is the first.
    said = iter([starved, None, starved, starved, starved, None, None, None])
    monkeypatch.setattr(grading, "run_notebook", lambda *task: next(said) or run(*task))
    graded = grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    assert [(g.points, g.status) for g in graded] == [(10, "ok")] * 3 and not list(said)
    said = iter([starved, starved])  # once more and no oftener
    (tmp_path / "out" / "results" / "ada.json").unlink()
    assert [g.points for g in grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)] == [
        10,
        0,
        10,
    ]


def test_nobody_is_graded_where_the_masters_own_solution_fails(a_class, tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "run_notebook", lambda *task: ([], "time is up", False))
    with pytest.raises(WorkbookError, match="master's own solutions do not pass here: double"):
        grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    assert not (tmp_path / "out" / "grades.csv").exists()


def test_what_goes_wrong_with_one_submission_is_no_end_of_the_others_and_is_tried_again(
    a_class, tmp_path, monkeypatch
):
    (a_class[0] / "zed.zip").write_bytes(b"no zip")
    run = grading.run_notebook
    calls = iter([None, OSError("no room"), None, None])  # the master is the first

    def once_wrong(*task):
        if error := next(calls):
            raise error
        return run(*task)

    monkeypatch.setattr(grading, "run_notebook", once_wrong)
    rows = {
        g.name: (g.points, g.status)
        for g in grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    }
    assert rows["<b>eve"][0] == 0 and "run it again (OSError: no room)" in rows["<b>eve"][1]
    assert rows["bob"] == (10, "ok") and rows["zed"][1].startswith(
        "Refused: The zip cannot be read"
    )
    calls = iter([None])  # one submission alone
    rows = {
        g.name: g.status for g in grading.grade(a_class[0], tmp_path / "out", a_class[1], jobs=1)
    }
    assert rows["<b>eve"] == "ok"


# --- a whole class, with the workbook's own notebooks ---------------------------------------------


def write_class(folder, num_students, seed=0):
    """Write submissions of the workbook's notebooks, about a third of the exercises mistaken.

    The mistakes are plausible. Returns {name: exercises with a mistake}.
    """
    generator, masters, wrong = np.random.default_rng(seed), read_notebooks(), {}
    for number in range(num_students):
        name = f"student_{number:03d}"
        chosen = [m for m in test_checks.MISTAKES if generator.random() < 0.04]
        mistakes = {m.exercise: m for m in chosen}
        for stem, master in masters.items():
            cells = [
                cell for cell in master.cells if tags_of(cell) & {"exercise", "check", "answer"}
            ]
            copy = new_notebook(
                cells=[new_code_cell(imports_of(master)), *map(nbformat.from_dict, cells)]
            )
            copy = nbformat.from_dict(json.loads(json.dumps(copy)))
            for cell in copy.cells:
                if (
                    "exercise" in cell.metadata.get("tags", [])
                    and cell.metadata["exercise"] in mistakes
                ):
                    cell.source = mistakes[cell.metadata["exercise"]].source(cell.source)
            write(folder / name / f"{stem}.ipynb", copy)
        wrong[name] = set(mistakes)
    return wrong


@pytest.mark.slow
@needs_bubblewrap
def test_the_master_gets_everything_the_fresh_release_nothing_and_a_mistake_costs_its_exercise(
    tmp_path,
):
    masters = read_notebooks()
    for stem, master in masters.items():
        write(tmp_path / "class" / "fresh" / f"{stem}.ipynb", student_copy(master))
        cleared = nbformat.from_dict(json.loads(json.dumps(master)))
        for cell in cleared.cells:  # as nbstripout leaves it
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        write(tmp_path / "class" / "master" / f"{stem}.ipynb", cleared)
    wrong = write_class(tmp_path / "class", 3)
    wrong |= {"master": set(), "fresh": set(test_checks.SOURCES)}
    graded = {g.name: g for g in grading.grade(tmp_path / "class", tmp_path / "out", secret=SECRET)}
    for name, graded_one in graded.items():
        assert graded_one.status == "ok"
        assert {s.exercise for s in graded_one.scores if s.points < s.possible} == wrong[name], name
    assert {s.message for s in graded["fresh"].scores} == {"not solved yet"}
    assert sum(len(w) for w in wrong.values()) > 25 and graded["master"].points == 260
    first = (tmp_path / "out" / "grades.csv").read_text()
    grading.grade(tmp_path / "class", tmp_path / "again", secret=SECRET)
    assert without_seconds(first) == without_seconds(
        (tmp_path / "again" / "grades.csv").read_text()
    )


def without_seconds(text):
    return [
        {k: v for k, v in row.items() if k != "seconds"}
        for row in csv.DictReader(text.splitlines())
    ]


@pytest.mark.slow
@needs_bubblewrap
def test_grading_goes_on_after_kill_9_and_a_dask_cluster_gives_the_same(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    write_class(tmp_path / "class", 6)
    (tmp_path / "secret.txt").write_text(SECRET)
    options = [
        "grade",
        str(tmp_path / "class"),
        "-o",
        str(tmp_path / "out"),
        "--secret",
        str(tmp_path / "secret.txt"),
    ]
    command = [sys.executable, "-c", "from helpers.commands.cli import main; main()", *options]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(NOTEBOOKS.parent)}
    )
    results = tmp_path / "out" / "results"
    while process.poll() is None and len(list(results.glob("*.json"))) < 2:
        time.sleep(0.2)
    process.kill()
    process.wait()
    kept = {path: path.read_bytes() for path in results.glob("*.json")}
    assert 2 <= len(kept) < 6 and not (tmp_path / "out" / "grades.csv").exists()
    subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(NOTEBOOKS.parent)}, check=True
    )
    assert all(path.read_bytes() == content for path, content in kept.items()), (
        "what was graded is not graded again"
    )
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        grading.grade(
            tmp_path / "class", tmp_path / "dask", secret=SECRET, cluster=cluster.scheduler_address
        )
    tables = [(tmp_path / name / "grades.csv").read_text() for name in ("out", "dask")]
    assert without_seconds(tables[0]) == without_seconds(tables[1])


# --- Gradescope -----------------------------------------------------------------------------------


def test_gradescopes_zip_grades_a_submission_by_its_own_script(tmp_path):
    source = tmp_path / "source"
    make_autograder(tmp_path / "autograder.zip", SECRET)
    with zipfile.ZipFile(tmp_path / "autograder.zip") as archive:
        archive.extractall(source)
        assert archive.getinfo("run_autograder").external_attr >> 16 & 0o111, (
            "Gradescope wants to run it"
        )
    assert (source / "helpers" / "grader" / "hidden.py").exists() and (
        source / "secret.txt"
    ).read_text() == SECRET
    subprocess.run(["bash", "-n", source / "setup.sh"], check=True)
    write(tmp_path / "submission" / "part1.ipynb", copy_with())
    stand_in = tmp_path / "workbook"  # says what it was called with, and leaves a result
    stand_in.write_text(
        '#!/usr/bin/env bash\necho "$@" > "$AUTOGRADER/called"\nls "$2/submission" >> "$AUTOGRADER/called"\n'
        'mkdir -p "$4/gradescope/submission"\necho \'{"score": 7}\' > "$4/gradescope/submission/results.json"\n'
    )
    stand_in.chmod(0o755)
    environment = os.environ | {"AUTOGRADER": str(tmp_path), "WORKBOOK": str(stand_in)}
    subprocess.run(["bash", source / "run_autograder"], env=environment, check=True)
    assert json.loads((tmp_path / "results" / "results.json").read_text()) == {"score": 7}
    called = (tmp_path / "called").read_text()
    assert "--secret" in called and "part1.ipynb" in called
    subprocess.run(
        ["bash", source / "run_autograder"], env=environment | {"WORKBOOK": "false"}, check=True
    )
    assert "autograder itself failed" in (tmp_path / "results" / "results.json").read_text()


def test_an_autograder_that_is_no_zip_is_refused(tmp_path):
    with pytest.raises(WorkbookError, match="not the name of a zip"):
        make_autograder(tmp_path / "autograder.tar", SECRET)
