"""process -> what it and all that it started use; what uses too much is stopped."""

import contextlib
import os
import re
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

MB = 2**20
MIN_AVAILABLE_MB = 500  # of the machine's memory; below, the kernels are stopped
MAX_GRADER_MB = 600  # of the process that runs nbval
MAX_OPEN = 1000  # files and sockets of all processes of a submission; each may hold 0.4 MB
MAX_DEPTH = 20  # folders in folders where a submission may write
MACHINE_SHORT = "the machine ran out of memory"


def run_watched(process, server, folder, environment, limits, every_s=0.1):
    """Watch the kernels of a trusted process to its end; return (why it was stopped, was_starved).

    The kernels are below the process, and below `server`, which forks them, if there is one. A
    kernel that uses too much is killed, and the process goes on; it has itself until the time is
    up. `was_starved`: the kernel waited for the machine rather than used it.
    """
    reasons, usage = [], Usage()
    deadline = time.monotonic() + limits.seconds + 10  # the process keeps the time; last resort
    own = psutil.Process(process.pid)
    roots = [own, psutil.Process(server.pid)] if server else [own]
    try:
        while process.poll() is None:
            children = below(own) + forked_kernels(roots[1:])
            usage.take(children)
            if reason := excess(children, folder, limits):
                reasons.append(reason)
                kill_children(roots)
            if time.monotonic() > deadline or memory_mb([own]) > MAX_GRADER_MB:
                late = time.monotonic() > deadline
                reasons.append("time is up" if late else "too much output")
                break
            time.sleep(every_s)
    finally:
        kill_children(roots)
        process.kill()
        process.wait()
        clear_up_after(environment.get("WORKBOOK_UID"))
    return "; ".join(dict.fromkeys(reasons)), MACHINE_SHORT in reasons or usage.was_starved()


class Usage:
    """How long processes ran on a core, and how long their first threads waited for one."""

    def __init__(self):
        """Start the clock."""
        self.start, self.ran, self.waited = time.monotonic(), {}, {}

    def take(self, processes):
        """Note what processes have used so far."""
        for process in processes:
            with contextlib.suppress(psutil.Error, OSError, ValueError, IndexError):
                times = process.cpu_times()
                self.ran[process.pid] = times.user + times.system
                text = Path(f"/proc/{process.pid}/schedstat").read_text()
                self.waited[process.pid] = int(text.split()[1]) / 1e9

    def was_starved(self):
        """Return whether other processes had the machine.

        They had it if a process waited for a fifth of the time, and all together used less than
        half of what one core has to give.
        """
        seconds = time.monotonic() - self.start
        waited = max(self.waited.values(), default=0)
        return waited > seconds / 5 and sum(self.ran.values()) < seconds / 2


def excess(children, folder, limits):
    """Return what processes use too much of, "" for nothing."""
    if len(children) > limits.processes:
        return "too many processes"
    hidden, num_open = hidden_bytes(children)
    if num_open > MAX_OPEN:
        return "too many open files"
    if memory_mb(children) + hidden / MB > limits.memory_mb:
        return "too much memory"
    if psutil.virtual_memory().available < MIN_AVAILABLE_MB * MB:
        return MACHINE_SHORT
    written = hidden + size_of(folder / "sockets") + size_of(folder / "scratch")
    return "too much written to disk" if written > limits.disk_mb * MB else ""


def below(process, recursive=True):
    """Return all processes that this one started, directly or not."""
    try:
        return process.children(recursive)
    except psutil.Error:
        return []


def forked_kernels(servers):
    """Return the kernels that servers have forked, and all that those started.

    Not counted are the processes that wait for them, which share the server's memory.
    """
    waiting = [process for server in servers for process in below(server, recursive=False)]
    return [process for parent in waiting for process in below(parent)]


def memory_mb(processes):
    """Return the memory that processes hold, in MB: in use, swapped out, and to keep account."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{process.pid}/status").read_text()
            more = re.findall(r"^Vm(?:PTE|Swap):\s+(\d+) kB", text, re.M)
            total += 1024 * sum(map(int, more))
    return total / MB


def hidden_bytes(processes):
    """Return (bytes of files without a name, number of open files) of processes.

    Files without a name are those that processes hold open or mapped, in memory or on a disk.
    """
    sizes, num_open = {}, 0
    for process in processes:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                num_open += 1
                with contextlib.suppress(OSError):
                    about = entry.stat()
                    if stat.S_ISREG(about.st_mode) and not about.st_nlink:
                        sizes[about.st_ino] = about.st_blocks * 512
            for inode, size in mapped_sizes(process.pid).items():
                sizes[inode] = max(size, sizes.get(inode, 0))
    return sum(sizes.values()), num_open


def mapped_sizes(pid):
    """Return {inode: bytes} of the files without a name that a process has mapped."""
    sizes = {}
    for line in Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines():
        if line.endswith("(deleted)"):
            place, *_, inode = line.split()[:5]
            start, end = (int(part, 16) for part in place.split("-"))
            try:  # all of it, where that may be seen; else the part that is mapped
                size = os.stat(f"/proc/{pid}/map_files/{place}").st_blocks * 512
            except OSError:
                size = end - start
            sizes[int(inode)] = max(size, sizes.get(int(inode), 0))
    return sizes


def size_of(folder):
    """Return the bytes of all files in a folder, each counted as 4 kB at least.

    It is infinite where folders lie too deep to be counted.
    """
    total, folders = 0, [(folder, 0)]
    while folders:
        path, depth = folders.pop()
        if depth > MAX_DEPTH:
            return float("inf")
        with contextlib.suppress(OSError), os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append((entry.path, depth + 1))
                total += max(4096, entry.stat(follow_symlinks=False).st_blocks * 512)
    return total


def kill_children(roots):
    """Kill all processes below these, even those that are started meanwhile.

    With bubblewrap, everything in it goes too.
    """
    for _ in range(20):
        if not (children := [child for root in roots for child in below(root)]):
            return
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()
        time.sleep(0.02)


def clear_up_after(uid):
    """Kill what a user of our own making still runs, and remove the files it left.

    Only places where everyone may write are cleared.
    """
    if not uid:
        return
    for process in psutil.process_iter(["uids"]):
        if process.info["uids"] and process.info["uids"].real == int(uid):
            with contextlib.suppress(psutil.Error):
                process.kill()
    places = ["/tmp", "/var/tmp", "/dev/shm"]
    subprocess.run(["find", *places, "-uid", uid, "-delete"], capture_output=True)


@contextlib.contextmanager
def own_core():
    """Yield [a core that no other submission has here], [] where cores cannot be told apart.

    However many processes a submission starts, they share that one.
    """
    if not hasattr(os, "sched_getaffinity"):
        yield []
        return
    import fcntl  # not on Windows

    cores = sorted(os.sched_getaffinity(0))
    folder = Path(tempfile.gettempdir()) / f"workbook-cores-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with contextlib.ExitStack() as files:
        for core in cores:
            file = files.enter_context((folder / str(core)).open("w"))
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with this process
                yield [core]
                return
        yield [cores[os.getpid() % len(cores)]]  # more submissions than cores
