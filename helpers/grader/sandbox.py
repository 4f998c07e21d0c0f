"""submission's kernel -> a kernel that can harm nobody: what it may see, use and do, by bubblewrap
and limits.

Three ways, best first: "bubblewrap" (no network, a read-only system, processes of its own), "user"
(where the grader is root, as in a container: the kernel runs as a user who cannot read what is
root's alone), and "none" (limits only).
"""

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from helpers.files import MAKERS, ROOT, TEACHERS, WorkbookError
from helpers.grader.watching import MB, own_core, run_watched

REAL_PYTHON = Path(sys.executable).resolve()  # behind a virtual environment's link
FIRST_UID = 2_000_000  # numbers of users from here on are nobody's


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    seconds: float = 60  # in all
    exercise_seconds: float = 10  # for one cell
    memory_mb: int = 3000  # of all its processes
    processes: int = 60
    disk_mb: int = 200
    file_mb: int = 20
    output_mb: int = 5  # of what one cell prints


LIMITS = Limits()
KEPT = ("PATH", "LANG", "HOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
OF_SYSTEMD = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")  # how a user reaches it
JUPYTER_AND_PYTEST = {"JUPYTER_PLATFORM_DIRS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
TIME_IS_UP = (
    "not run to the end: the time of this submission was up"  # said of cells beyond Limits.seconds
)
TOO_LONG, DIED = "it ran for more than", "its process died"


def find_sandbox(unsafe=False):
    """Return "bubblewrap", "user" or, only if `unsafe`, "none". WorkbookError where there is no
    other way.
    """
    if bubblewrap():
        return "bubblewrap"
    if can_be_another():
        return "user"
    if unsafe:
        return "none"
    raise WorkbookError(
        "There is no sandbox: bubblewrap is not installed, or may not be used here. Install it, grade in a container "
        "(helpers/grader/Containerfile), or let the students' code run as yourself with --unsafe."
    )


@functools.cache
def bubblewrap():
    """Return the words that begin a bubblewrap command here, as safe as can be: [] where there is
    no way.
    """
    best = [another_user(), ["--unshare-user", "--disable-userns"]]
    for user, more in (best, [[], best[1]], [best[0], []], [[], []]):
        words = [*user, "bwrap", "--unshare-all", *more, *system()]
        if shutil.which("bwrap") and runs_python(words):
            return words
    return []


@functools.cache
def can_be_another():
    """Return whether the grader is root, and another user can run Python with what a kernel
    needs.
    """
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("setpriv")
    return bool(is_root) and runs_python(setpriv(FIRST_UID))


@functools.cache
def scope(limits):
    """Return the words that let systemd put a command into a control group with its limits.

    The operating system then counts all of it, shared memory and buffers too. [] where there is no
    systemd: there `watching` counts what it can.
    """
    if not shutil.which("systemd-run"):
        return []
    user = [] if os.geteuid() == 0 else ["--user"]
    wanted = {"MemoryMax": f"{limits.memory_mb}M", "MemorySwapMax": "0", "CPUWeight": 100}
    wanted |= {"TasksMax": 500}  # threads too
    words = ["systemd-run", *user, "--scope", "--quiet", "--collect"]
    words += [f"--property={name}={value}" for name, value in wanted.items()]
    try:
        done = subprocess.run([*words, "true"], capture_output=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return words if done.returncode == 0 else []


def another_user():
    """Return the words that let a command run as a user of its own, where that is possible; no
    words elsewhere.

    The user's number is this process's own, so that submissions which are graded at the same time
    are strangers.
    """
    return setpriv(FIRST_UID + os.getpid()) if can_be_another() else []


def setpriv(uid):
    """Return the words that let a command run as a user with this number."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]


def runs_python(words):
    """Return whether a command that begins with these words can run this Python, with what a kernel
    needs.
    """
    test = f"import ipykernel, sys; assert sys.base_prefix == {sys.base_prefix!r}"
    try:
        return (
            subprocess.run(
                [*words, sys.executable, "-c", test], capture_output=True, cwd="/"
            ).returncode
            == 0
        )
    except OSError:
        return False


def make_workplace(folder, sandbox, limits, cores):
    """Fill a folder with what a kernel needs: Jupyter's entry for it, the helpers, places to write.

    Returns the environment for the process that starts the kernel, which is trusted. What leads to
    the kernel lies in `connection`, where the student's process cannot write; its sockets lie in
    `sockets`.
    """
    work, writable = folder / "work", [folder / "sockets", folder / "scratch"]
    leave_out = shutil.ignore_patterns(TEACHERS, MAKERS, "fonts", "__pycache__")
    shutil.copytree(ROOT / "helpers", work / "helpers", ignore=leave_out)
    for name in ("probes.py", "launch.py"):
        shutil.copy2(Path(__file__).with_name(name), work / name)
    for path in (*writable, folder / "connection"):
        path.mkdir()
    where = {
        "JUPYTER_PATH": folder,
        "TMPDIR": folder / "connection",
        "WORKBOOK_SOCKETS": folder / "sockets",
    }
    if sandbox == "user" or (sandbox == "bubblewrap" and bubblewrap()[0] == "setpriv"):
        where["WORKBOOK_UID"] = FIRST_UID + os.getpid()
        folder.chmod(0o711)
        for path in writable:
            os.chown(path, where["WORKBOOK_UID"], where["WORKBOOK_UID"])
    write_kernel_entry(folder, sandbox, limits, cores)
    kept = {k: v for k, v in os.environ.items() if k in KEPT or (k in OF_SYSTEMD and scope(limits))}
    return kept | {name: str(path) for name, path in where.items()} | JUPYTER_AND_PYTEST


def write_kernel_entry(folder, sandbox, limits, cores):
    """Write how Jupyter starts the kernel: in the sandbox, with its limits."""
    environment = environment_for(folder, sandbox)
    before = another_user() if sandbox == "user" else []
    if sandbox == "bubblewrap":
        before = prefix(folder, environment)
    place = "/work" if sandbox == "bubblewrap" else str(folder / "work")
    argv = [*scope(limits), *before, sys.executable, f"{place}/launch.py"]
    argv += [json.dumps([rlimits(limits), cores]), "-f", "{connection_file}"]
    spec = {
        "argv": argv,
        "display_name": "sandbox",
        "language": "python",
        "interrupt_mode": "message",
    }
    entry = folder / "kernels" / "sandbox" / "kernel.json"
    entry.parent.mkdir(parents=True)
    entry.write_text(json.dumps(spec | {"env": environment}))


def environment_for(folder, sandbox):
    """Return what the student's process sees of the environment."""
    inside = sandbox == "bubblewrap"
    home = "/tmp" if inside else str(folder / "scratch")
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": home, "TMPDIR": home,
        "PYTHONPATH": "/work" if inside else str(folder / "work"), "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": f"{home}/ipython", "MPLCONFIGDIR": f"{home}/matplotlib", "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "WORKBOOK_PROFILE": "quick",
    }  # fmt: skip


def system():
    """Return the words that show system and Python, read-only, and processes without the system's
    own switches.
    """
    paths = [
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/lib32",
        "/etc/ld.so.cache",
        "/etc/alternatives",
    ]
    python = {
        sys.prefix,
        sys.base_prefix,
        *(str(p.parent.parent) for p in (Path(sys.executable), REAL_PYTHON)),
    }
    # Packages of another environment, which a .pth file brings in.
    python |= {path for path in sys.path if Path(path).name == "site-packages"}
    words = ["--dev", "/dev"]
    for path in ("/tmp", "/dev/shm"):  # first, for what else is shown may lie below /tmp
        words += ["--size", str(200 * MB), "--tmpfs", path]
    for path in [*paths, *sorted(python - {"/", "/usr"})]:
        words += ["--ro-bind-try", path, path]
    words += ["--proc", "/proc"]
    for path in ("/proc/sys", "/proc/sysrq-trigger"):
        words += ["--ro-bind-try", path, path]
    return words


def prefix(folder, environment):
    """Return the words of a bubblewrap command that shows the system read-only, the helpers, and
    one place to write.
    """
    words = [*bubblewrap(), "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    words += ["--ro-bind", str(folder / "work"), "/work"]
    words += ["--ro-bind", str(folder / "connection"), str(folder / "connection")]
    words += ["--bind", str(folder / "sockets"), str(folder / "sockets"), "--chdir", "/tmp"]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    return words


def rlimits(limits):
    """Return the limits that the kernel of the operating system keeps: [[name, number], ...]."""
    return [
        ["RLIMIT_CPU", int(limits.seconds) + 5],  # seconds of one process
        [
            "RLIMIT_AS",
            16 * 2**30,
        ],  # addresses, of which libraries take gigabytes without using them
        ["RLIMIT_FSIZE", limits.file_mb * MB],
        ["RLIMIT_NOFILE", 256],
        [
            "RLIMIT_NPROC",
            2000,
        ],  # of one user, who may have other work; `excess` counts the submission's own
        ["RLIMIT_CORE", 0],
    ]


def run_notebook(notebook, sandbox, limits):
    """Run a grading notebook by nbval, with its kernel in a sandbox.

    Returns (lines of results, why it was stopped, whether a busy machine made it run out of time).
    """
    with temporary_folder() as folder, own_core() as cores:
        environment = make_workplace(folder, sandbox, limits, cores)
        trusted = folder / "trusted"  # the kernel cannot see it
        trusted.mkdir(mode=0o700)
        (trusted / "grading.ipynb").write_text(json.dumps(notebook))
        names = {
            "seconds": limits.seconds,
            "exercise-seconds": limits.exercise_seconds,
            "output-mb": limits.output_mb,
        }
        command = [
            *(sys.executable, "-m", "pytest", "-q"),
            *("-p", "nbval.plugin", "-p", f"helpers.{TEACHERS}.nbval_grader"),
            *("-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", "."),
            *(f"--{name}={value}" for name, value in names.items()),
            "grading.ipynb",
        ]
        why, was_starved = run_watched(command, trusted, environment, limits)
        lines = read_lines(trusted / "results.jsonl")
        return lines, why, was_starved and (bool(why) or any(map(ran_out, lines)))


def ran_out(line):
    """Return whether a cell ended for want of time, or with its process."""
    return not line["passed"] and line["message"].startswith((TIME_IS_UP, TOO_LONG, DIED))


def read_lines(path):
    """Return what is in a file of JSON lines, without a last one that is incomplete."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


@contextlib.contextmanager
def temporary_folder():
    """Yield an empty folder with a short path, as sockets want it; it goes in the end, whatever
    lies in it.
    """
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    try:
        yield folder
    finally:
        for command in (
            ["rm", "-rf", folder / "trusted"],
            ["chmod", "-R", "u+rwx", folder],
            ["rm", "-rf", folder],
        ):
            subprocess.run(command, capture_output=True)
