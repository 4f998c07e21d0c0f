"""submission's kernel -> a kernel that can harm nobody: what it may see, use and do, by bubblewrap and limits.

Three ways, best first: "bubblewrap" (no network, a read-only system, processes of its own), "user" (where the grader is
root, as in a container: the kernel runs as a user who cannot read what is root's alone), and "none" (limits only).
"""

import contextlib
import functools
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil

from helpers.files import ROOT, WorkbookError

MB = 2**20
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
TIME_IS_UP = "not run to the end: the time of this submission was up"  # said of cells beyond Limits.seconds
MIN_AVAILABLE_MB = 500  # of the machine's memory; below, the kernels are stopped


def find_sandbox(unsafe=False):
    """Return "bubblewrap", "user" or, only if `unsafe`, "none". WorkbookError where there is no other way."""
    if bubblewrap():
        return "bubblewrap"
    if can_be_another():
        return "user"
    if unsafe:
        return "none"
    raise WorkbookError(
        "There is no sandbox: bubblewrap is not installed, or may not be used here. Install it, grade in a container "
        "(helpers/course/Containerfile), or let the students' code run as yourself with --unsafe."
    )


@functools.cache
def bubblewrap():
    """Return the words that begin a bubblewrap command here, as safe as can be: [] where there is no way."""
    best = [another_user(), ["--unshare-user", "--disable-userns"]]
    for user, more in (best, [[], best[1]], [best[0], []], [[], []]):
        words = [*user, "bwrap", "--unshare-all", *more, *system()]
        if shutil.which("bwrap") and runs_python(words):
            return words
    return []


@functools.cache
def can_be_another():
    """Return whether the grader is root, and another user can run Python with what a kernel needs."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("setpriv")
    return bool(is_root) and runs_python(setpriv(FIRST_UID))


def another_user():
    """Return the words that let a command run as a user of its own, where that is possible; no words elsewhere.

    The user's number is this process's own, so that submissions which are graded at the same time are strangers.
    """
    return setpriv(FIRST_UID + os.getpid()) if can_be_another() else []


def setpriv(uid):
    """Return the words that let a command run as a user with this number."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]


def runs_python(words):
    """Return whether a command that begins with these words can run this Python, with what a kernel needs."""
    test = f"import ipykernel, sys; assert sys.base_prefix == {sys.base_prefix!r}"
    try:
        return subprocess.run([*words, sys.executable, "-c", test], capture_output=True, cwd="/").returncode == 0
    except OSError:
        return False


def make_workplace(folder, sandbox, limits):
    """Fill a folder with what a kernel needs: Jupyter's entry for it, the helpers, places to write.

    Returns the environment for the process that starts the kernel, which is trusted. What leads to the kernel lies in
    `connection`, where the student's process cannot write; its sockets lie in `sockets`.
    """
    work, writable = folder / "work", [folder / "sockets", folder / "scratch"]
    leave_out = shutil.ignore_patterns("course", "fonts", "__pycache__")
    shutil.copytree(ROOT / "helpers", work / "helpers", ignore=leave_out)
    shutil.copy2(Path(__file__).with_name("probes.py"), work / "probes.py")
    for path in (*writable, folder / "connection"):
        path.mkdir()
    where = {"JUPYTER_PATH": folder, "TMPDIR": folder / "connection", "WORKBOOK_SOCKETS": folder / "sockets"}
    if sandbox == "user" or (sandbox == "bubblewrap" and bubblewrap()[0] == "setpriv"):
        where["WORKBOOK_UID"] = FIRST_UID + os.getpid()
        folder.chmod(0o711)
        for path in writable:
            os.chown(path, where["WORKBOOK_UID"], where["WORKBOOK_UID"])
    write_kernel_entry(folder, sandbox, limits)
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "HOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")}
    return kept | {name: str(path) for name, path in where.items()} | {"JUPYTER_PLATFORM_DIRS": "1"}


def write_kernel_entry(folder, sandbox, limits):
    """Write how Jupyter starts the kernel: in the sandbox, with its limits."""
    environment = environment_for(folder, sandbox)
    before = another_user() if sandbox == "user" else []
    if sandbox == "bubblewrap":
        before = prefix(folder, environment)
    argv = [*before, sys.executable, "-c", LAUNCH, json.dumps(rlimits(limits)), "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "sandbox", "language": "python", "interrupt_mode": "message"}
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
    """Return the words that show system and Python, read-only, and processes without the system's own switches."""
    paths = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/alternatives"]
    python = {sys.prefix, sys.base_prefix, *(str(p.parent.parent) for p in (Path(sys.executable), REAL_PYTHON))}
    python |= {path for path in sys.path if Path(path).name == "site-packages"}  # of another environment, by a .pth
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
    """Return the words of a bubblewrap command that shows the system read-only, the helpers, and one place to write."""
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
        ["RLIMIT_AS", 16 * 2**30],  # addresses, of which libraries take gigabytes without using them
        ["RLIMIT_FSIZE", limits.file_mb * MB],
        ["RLIMIT_NOFILE", 256],
        ["RLIMIT_NPROC", 2000],  # of one user, who may have other work; `excess` counts the submission's own
        ["RLIMIT_CORE", 0],
    ]


# What the kernel's process does first: it takes its limits, and is a kernel.
LAUNCH = """
import json, resource, runpy, sys
for name, number in json.loads(sys.argv.pop(1)):
    hard = resource.getrlimit(getattr(resource, name))[1]
    number = number if hard == resource.RLIM_INFINITY else min(number, hard)
    resource.setrlimit(getattr(resource, name), (number, number))
sys.path[0] = ""
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""


def run_notebook(notebook, sandbox, limits):
    """Run a grading notebook by nbval, with its kernel in a sandbox; return (lines of results, why it was stopped)."""
    with temporary_folder() as folder:
        environment = make_workplace(folder, sandbox, limits)
        trusted = folder / "trusted"  # the kernel cannot see it
        trusted.mkdir(mode=0o700)
        nbformat.write(notebook, trusted / "grading.ipynb")
        names = {"seconds": limits.seconds, "exercise-seconds": limits.exercise_seconds, "output-mb": limits.output_mb}
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "helpers.course.nbval_grader", "-p", "no:cacheprovider"),
            *("-p", "no:xdist", "--noconftest", "-c", "/dev/null", "--rootdir", "."),
            *(f"--{name}={value}" for name, value in names.items()),
            "grading.ipynb",
        ]
        why = run_watched(command, trusted, environment, limits)
        return read_lines(trusted / "results.jsonl"), why


def read_lines(path):
    """Return what is in a file of JSON lines, without a last one that is incomplete."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


# --- a process and all that it started -------------------------------------------------------------------------------


def run_watched(command, folder, environment, limits, every_s=0.1):
    """Run a trusted command whose kernel is watched; return why it was stopped, "" where it ended by itself.

    A kernel that uses too much is killed, and the command goes on; the command itself has until the time is up.
    """
    reasons = []
    deadline = time.monotonic() + limits.seconds + 10  # the command keeps the time, this is the last resort
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    process = subprocess.Popen(command, cwd=folder, env=environment, **silent)
    own = psutil.Process(process.pid)
    try:
        while process.poll() is None:
            if reason := excess(own, folder.parent, limits):
                reasons.append(reason)
                kill_children(own)
            if time.monotonic() > deadline or memory_mb([own]) > 2000:
                reasons.append("time is up" if time.monotonic() > deadline else "too much output")
                break
            time.sleep(every_s)
    finally:
        kill_children(own)
        process.kill()
        process.wait()
        clear_up_after(environment.get("WORKBOOK_UID"))
    return "; ".join(dict.fromkeys(reasons))


def excess(process, folder, limits):
    """Return what the processes below this one use too much of, "" for nothing."""
    children = below(process)
    if len(children) > limits.processes:
        return "too many processes"
    if memory_mb(children) > limits.memory_mb or psutil.virtual_memory().available < MIN_AVAILABLE_MB * MB:
        return "too much memory"
    written = size_of(folder / "sockets") + size_of(folder / "scratch") + size_of_deleted(children)
    return "too much written to disk" if written > limits.disk_mb * MB else ""


def below(process):
    """Return all processes that this one started, directly or not."""
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def memory_mb(processes):
    """Return the memory that processes hold, in MB."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total / MB


def size_of(folder):
    """Return the bytes of all files in a folder, each 4 kB at least; what cannot be read counts for nothing."""
    total, folders = 0, [folder]
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                total += max(4096, entry.stat(follow_symlinks=False).st_blocks * 512)
    return total


def size_of_deleted(processes):
    """Return the bytes of files that processes hold open and that have no name any more, in memory or on a disk."""
    total, seen = 0, set()
    for process in processes:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                with contextlib.suppress(OSError):
                    about = entry.stat()
                    if stat.S_ISREG(about.st_mode) and not about.st_nlink and about.st_ino not in seen:
                        seen.add(about.st_ino)
                        total += about.st_blocks * 512
    return total


def kill_children(process):
    """Kill all processes below this one, those too that are started meanwhile; with bubblewrap goes all in it."""
    for _ in range(20):
        if not (children := below(process)):
            return
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        time.sleep(0.02)


def clear_up_after(uid):
    """Kill what a user of our own making still runs, and remove what it left where all may write."""
    if not uid:
        return
    for process in psutil.process_iter(["uids"]):
        if process.info["uids"] and process.info["uids"].real == int(uid):
            with contextlib.suppress(psutil.Error):
                process.kill()
    subprocess.run(["find", "/tmp", "/var/tmp", "/dev/shm", "-uid", uid, "-delete"], capture_output=True)


@contextlib.contextmanager
def temporary_folder():
    """Yield an empty folder with a short path, as sockets want it; it goes in the end, whatever lies in it."""
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    try:
        yield folder
    finally:
        for command in (["rm", "-rf", folder / "trusted"], ["chmod", "-R", "u+rwx", folder], ["rm", "-rf", folder]):
            subprocess.run(command, capture_output=True)
