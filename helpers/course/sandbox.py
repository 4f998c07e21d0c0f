"""submission's kernel -> a kernel that can harm nobody: what it may see, use and do, by bubblewrap and limits.

Three ways, best first: "bubblewrap" (no network, a read-only system, processes of its own), "user" (where the grader is
root, as in a container: the kernel runs as nobody and cannot read what is root's alone), and "none" (limits only).
"""

import contextlib
import json
import os
import shutil
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
NOBODY = 65534  # the number of this user and group


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    seconds: float = 60  # in all
    exercise_seconds: float = 10  # for one cell
    memory_mb: int = 3000  # of all its processes
    processes: int = 60
    disk_mb: int = 200
    file_mb: int = 50
    output_mb: int = 5  # of what one cell prints


LIMITS = Limits()


def find_sandbox(unsafe=False):
    """Return "bubblewrap", "user" or, only if `unsafe`, "none". WorkbookError where there is no other way."""
    if has_bubblewrap():
        return "bubblewrap"
    if nobody_has_python():
        return "user"
    if unsafe:
        return "none"
    raise WorkbookError(
        "There is no sandbox: bubblewrap is not installed, or may not be used here. Install it, grade in a container "
        "(helpers/course/Containerfile), or let the students' code run as yourself with --unsafe."
    )


def has_bubblewrap():
    """Return whether bubblewrap is there and works."""
    if not shutil.which("bwrap"):
        return False
    test = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    return subprocess.run(test, capture_output=True).returncode == 0


def nobody_has_python():
    """Return whether the grader is root, and the user nobody can run Python with what a kernel needs."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    test = [sys.executable, "-c", "import ipykernel, torch"]
    as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    try:
        return subprocess.run(test, capture_output=True, cwd="/", **as_nobody).returncode == 0
    except OSError:
        return False


def make_workplace(folder, sandbox, limits):
    """Fill a folder with what a kernel needs: Jupyter's entry for it, the helpers, places to write.

    Returns the environment for the process that starts the kernel, which is trusted.
    """
    work, runtime = folder / "work", folder / "runtime"
    leave_out = shutil.ignore_patterns("course", "fonts", "__pycache__")
    shutil.copytree(ROOT / "helpers", work / "helpers", ignore=leave_out)
    shutil.copy2(Path(__file__).with_name("probes.py"), work / "probes.py")
    (folder / "scratch").mkdir()
    runtime.mkdir(mode=0o700)
    entry = folder / "kernels" / "sandbox" / "kernel.json"
    entry.parent.mkdir(parents=True)
    rest = ["-c", LAUNCH, json.dumps([sandbox == "user", str(runtime), *rlimits(limits)]), "-f", "{connection_file}"]
    environment = environment_for(folder, sandbox)
    argv = [*prefix(folder, environment) * (sandbox == "bubblewrap"), sys.executable, *rest]
    spec = {"argv": argv, "display_name": "sandbox", "language": "python", "interrupt_mode": "message"}
    entry.write_text(json.dumps(spec | {"env": environment}))
    if sandbox == "user":
        folder.chmod(0o711)
        shutil.chown(folder / "scratch", NOBODY, NOBODY)
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "VIRTUAL_ENV", "LD_LIBRARY_PATH")}
    where = {"JUPYTER_PATH": folder, "TMPDIR": runtime}  # jupyter_client puts what leads to the kernel into TMPDIR
    return kept | {name: str(path) for name, path in where.items()} | {"JUPYTER_PLATFORM_DIRS": "1"}


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


def prefix(folder, environment):
    """Return the words of a bubblewrap command that shows the system read-only, the helpers, and one place to write."""
    system = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/etc/ld.so.cache", "/etc/alternatives"]
    python = {sys.prefix, sys.base_prefix, str(Path(sys.executable).parent.parent)}
    python |= {str(Path(sys.executable).resolve().parent.parent)}
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    for path in [*system, *sorted(python - {"/", "/usr"})]:
        words += ["--ro-bind-try", path, path]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(200 * MB), "--tmpfs", "/tmp"]
    words += ["--size", str(200 * MB), "--tmpfs", "/dev/shm", "--ro-bind", str(folder / "work"), "/work"]
    words += ["--bind", str(folder / "runtime"), str(folder / "runtime"), "--chdir", "/tmp"]
    for name, value in environment.items():
        words += ["--setenv", name, value]
    return words


def rlimits(limits):
    """Return the limits that the kernel of the operating system keeps: [[name, number], ...]."""
    return [
        ["RLIMIT_CPU", int(limits.seconds) + 5],  # seconds of one process
        ["RLIMIT_AS", 16 * 2**30],  # addresses, of which libraries take gigabytes without using them
        ["RLIMIT_FSIZE", limits.file_mb * MB],
        ["RLIMIT_NOFILE", 512],
        ["RLIMIT_NPROC", 2000],  # of one user, who may have other work; `watch` counts the submission's own
        ["RLIMIT_CORE", 0],
    ]


# What the kernel's process does first: it becomes nobody where asked, takes its limits, and is a kernel.
LAUNCH = """
import json, os, resource, runpy, sys
become_nobody, runtime, *limits = json.loads(sys.argv.pop(1))
if become_nobody:
    for path in [runtime, *(os.path.join(runtime, name) for name in os.listdir(runtime))]:
        os.chown(path, 65534, 65534)
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
for name, number in limits:
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
    reasons, deadline = (
        [],
        time.monotonic() + limits.seconds + 10,
    )  # the command keeps the time, this is the last resort
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
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
    return "; ".join(dict.fromkeys(reasons))


def excess(process, folder, limits):
    """Return what the processes below this one use too much of, "" for nothing."""
    children = below(process)
    if len(children) > limits.processes:
        return "too many processes"
    if memory_mb(children) > limits.memory_mb:
        return "too much memory"
    written = sum(size_of(path) for part in ("runtime", "scratch") for path in (folder / part).rglob("*"))
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


def size_of(path):
    """Return the bytes of a file; 0 of what has gone, and of what a link shows."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def kill_children(process):
    """Kill all processes below this one, those too that are started meanwhile; with bubblewrap goes all in it."""
    for _ in range(20):
        if not (children := below(process)):
            return
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        time.sleep(0.02)


@contextlib.contextmanager
def temporary_folder():
    """Yield an empty folder with a short path, as sockets want it; it goes in the end, whatever lies in it."""
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
