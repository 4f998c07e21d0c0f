"""submission's kernel -> a kernel that can harm nobody.

bubblewrap and limits decide what it may see, use and do. Three ways, best first: "bubblewrap" (no
network, a read-only system, processes of its own), "user" (where the grader is root, as in a
container: the kernel runs as a user who cannot read what is root's alone), and "none" (limits
only).
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
from helpers.grader.watching import MB

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
# Said of cells beyond Limits.seconds.
TIME_IS_UP = "not run to the end: the time of this submission was up"
TOO_LONG, DIED = "it ran for more than", "its process died"


def find_sandbox(unsafe=False):
    """Return "bubblewrap", "user" or, only if `unsafe`, "none".

    Raises WorkbookError where there is no other way.
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
    """Return the words that begin a bubblewrap command here, as safe as can be, or [].

    The list is empty where there is no way.
    """
    best = [another_user(), ["--unshare-user", "--disable-userns"]]
    for user, more in (best, [[], best[1]], [best[0], []], [[], []]):
        words = [*user, "bwrap", "--unshare-all", *more, *system()]
        if shutil.which("bwrap") and runs_python(words):
            return words
    return []


@functools.cache
def can_be_another():
    """Return whether the grader is root, and another user can run a kernel's Python."""
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
    """Return the words that let a command run as a user of its own, none where that cannot be.

    The user's number is this process's own, so that submissions which are graded at the same time
    are strangers.
    """
    return setpriv(FIRST_UID + os.getpid()) if can_be_another() else []


def setpriv(uid):
    """Return the words that let a command run as a user with this number."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]


def runs_python(words):
    """Return whether a command that begins with these words can run this Python.

    It must also see what a kernel needs.
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


def make_workplace(folder, sandbox, limits, cores, servers=None):
    """Fill a folder with what a kernel needs: Jupyter's entry for it, places to write.

    Returns the environment for the process that starts the kernel, which is trusted, as its folder
    `trusted` is. What leads to the kernel lies in `connection`, where the student's process cannot
    write; its sockets lie in `sockets`. Without Servers, who have a copy, the helpers lie there too.
    """
    writable = [folder / "sockets", folder / "scratch"]
    if not servers:
        write_helpers(folder / "work")
    for path in (*writable, folder / "connection"):
        path.mkdir()
    (folder / "trusted").mkdir(mode=0o700)
    where = {
        "JUPYTER_PATH": folder,
        "TMPDIR": folder / "connection",
        "WORKBOOK_SOCKETS": folder / "sockets",
    }
    if is_another(sandbox):
        where["WORKBOOK_UID"] = FIRST_UID + os.getpid()
        folder.chmod(0o711)
        for path in writable:
            os.chown(path, where["WORKBOOK_UID"], where["WORKBOOK_UID"])
    write_kernel_entry(folder, sandbox, limits, cores, servers)
    own = {k: v for k, v in os.environ.items() if k in OF_SYSTEMD and scope(limits)}
    return kept_environment() | own | {name: str(path) for name, path in where.items()}


def write_helpers(work):
    """Write what a kernel can see of the workbook, with what is compiled of it."""
    leave_out = shutil.ignore_patterns(TEACHERS, MAKERS, "fonts")
    shutil.copytree(ROOT / "helpers", work / "helpers", ignore=leave_out)
    for name in ("probes.py", "launch.py", "forking.py", "joining.py"):
        shutil.copy2(Path(__file__).with_name(name), work / name)


def is_another(sandbox):
    """Return whether the kernel runs as another user."""
    return sandbox == "user" or (sandbox == "bubblewrap" and bubblewrap()[0] == "setpriv")


def kept_environment():
    """Return the environment of the processes that are trusted."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    return kept | JUPYTER_AND_PYTEST | {"PYTHONPATH": str(ROOT)}


def write_kernel_entry(folder, sandbox, limits, cores, servers):
    """Write how Jupyter starts the kernel: in the sandbox, with its limits."""
    argv = kernel_command(folder, sandbox, limits, cores, servers, "{connection_file}")
    spec = {
        "argv": argv,
        "display_name": "sandbox",
        "language": "python",
        "interrupt_mode": "message",
        "env": environment_for(folder, sandbox, work_of(folder, servers)),
    }
    entry = folder / "kernels" / "sandbox" / "kernel.json"
    entry.parent.mkdir(parents=True)
    entry.write_text(json.dumps(spec))


def kernel_command(folder, sandbox, limits, cores, servers, connection):
    """Return the command of a kernel: of a new process, or of one that asks servers for a fork."""
    work = work_of(folder, servers)
    environment = environment_for(folder, sandbox, work)
    before = another_user() if sandbox == "user" else []
    if sandbox == "bubblewrap":
        before = prefix(folder, environment, work)
    if not servers or not servers.forks_kernels:
        limits_and_cores = json.dumps([rlimits(limits), cores])
        command = [sys.executable, f"{work}/launch.py", limits_and_cores, "-f", connection]
        return [*scope(limits), *before, *command]
    request = {
        "address": f"{folder}/trusted/kernels",
        "work": str(work),
        "limits": rlimits(limits),
        "cores": cores,
        "environment": environment,
        "uid": FIRST_UID + os.getpid() if is_another(sandbox) else os.geteuid(),
    }
    asking = [sys.executable, "-E", "-S", f"{work}/joining.py", "start", connection]
    return [*scope(limits), *asking, json.dumps(request), *before]


def work_of(folder, servers):
    """Return where the helpers lie that the kernel can see."""
    return servers.work if servers else folder / "work"


def environment_for(folder, sandbox, work):
    """Return what the student's process sees of the environment."""
    home = "/tmp" if sandbox == "bubblewrap" else str(folder / "scratch")
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": home, "TMPDIR": home,
        "PYTHONPATH": str(work), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
        "IPYTHONDIR": f"{home}/ipython", "MPLCONFIGDIR": f"{home}/matplotlib", "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "WORKBOOK_PROFILE": "quick",
    }  # fmt: skip


def system():
    """Return the words that show system and Python, read-only.

    Processes cannot see the system's own switches.
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


def prefix(folder, environment, work):
    """Return the words of a bubblewrap command for a submission.

    It shows the system read-only, the helpers, and one place to write.
    """
    words = [*bubblewrap(), "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    words += ["--ro-bind", str(work), str(work)]
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


@contextlib.contextmanager
def temporary_folder():
    """Yield an empty folder with a short path, as sockets want it.

    It is removed at the end, whatever lies in it.
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
