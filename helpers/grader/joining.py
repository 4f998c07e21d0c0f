"""request -> a kernel in a sandbox of bubblewrap's, without the seconds that imports take.

A grading run copies this file into the sandbox. `joining.py start` is what Jupyter starts: it asks
a server (`joining.py serve`) for a fork, and becomes bubblewrap, whose first process only sleeps.
The fork joins bubblewrap's namespaces, gives up all rights, takes the limits, and is the kernel.
When the kernel ends, so does the sleeper, and when bubblewrap ends, so does the kernel.
"""

import contextlib
import ctypes
import gc
import json
import os
import random
import select
import struct
import sys
import tempfile

import forking
import launch

NAMESPACES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "ipc": 0x8000000,
    "uts": 0x4000000,
    "cgroup": 0x2000000,
}
NEEDED = {"user", "mnt", "pid", "net", "ipc"}  # the others' part is small, and may be missing
SLEEP = ["sh", "-c", "echo && exec cat"]  # says that the sandbox stands; ends with its input
SECONDS = 30  # that bubblewrap may take
# Imported by checks when they are called.
LATE = "import sklearn.metrics, sklearn.preprocessing, torch.ao.quantization, probes"
# Of prctl.
DUMPABLE, NAME, DROP_BOUND, NO_NEW_PRIVS, AMBIENT, CLEAR_ALL = 4, 15, 24, 38, 47, 4
CAPABILITY_VERSION = 0x20080522
libc = ctypes.CDLL(None, use_errno=True)


def start(request, words):
    """Ask for a kernel in a sandbox that `words` begin, and be its bubblewrap.

    Where no server answers, bubblewrap starts the kernel as a new process.
    """
    info, ready, alive = os.pipe(), os.pipe(), os.pipe()
    limits, cores = request["limits"], request["cores"]
    try:
        forking.ask(request["address"], request, [info[0], ready[0], alive[1], 1])
    except OSError:
        command = [sys.executable, f"{request['work']}/launch.py", json.dumps([limits, cores])]
        os.execvp(words[0], [*words, *command, "-f", request["connection"]])
    launch.take_limits(limits, cores)
    os.dup2(alive[0], 0)
    os.dup2(ready[1], 1)
    words = [*words, "--info-fd", str(info[1])]
    os.set_inheritable(info[1], True)
    if program := launch.program():
        outlet, inlet = os.pipe()
        os.write(inlet, program)
        os.set_inheritable(outlet, True)
        words += ["--seccomp", str(outlet)]
    os.execvp(words[0], [*words, *SLEEP])


def serve(address, imports):
    """Import what kernels need, and fork kernels."""
    for text in (LATE, *imports):
        with contextlib.suppress(Exception):  # then the kernel says what is wrong
            exec(text, {})
    import ipykernel.ipkernel  # noqa: F401
    import ipykernel.kernelapp  # noqa: F401
    import probes

    probes.seed_everything()
    libc.prctl(NAME, b"python", 0, 0, 0)  # it would be that of a file in memory
    sys.path[0] = ""
    gc.collect()
    gc.freeze()
    if len(os.listdir("/proc/self/task")) > 1:
        raise RuntimeError("a process with several threads cannot fork")
    forking.serve(address, become_kernel)


def become_kernel(request, files):
    """Join the sandbox, and wait there for a fork that is the kernel."""
    info, ready, alive, said = files
    child = sandbox_process(info)
    join_group(child)
    process = os.pidfd_open(child)
    if not select.select([ready], [], [], SECONDS)[0] or os.read(ready, 1) != b"\n":
        raise RuntimeError("the sandbox does not stand")
    # The sleeper has spoken: the process was that of the sandbox all the time, and it stands.
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(*[request["uid"]] * 3)
        os.setresuid(*[request["uid"]] * 3)
    join(child, process)
    pid = os.fork()
    if not pid:
        be_nobody()
        check_apart(request["address"])
        os.write(said, b"joined")
        if request["connection"]:
            be_kernel(request)
        os._exit(0)
    forking.end_with_parent()  # again, for a change of user undoes it
    os.waitpid(pid, 0)  # the end of `alive`, which only this process holds, ends the sleeper


def sandbox_process(info):
    """Return the number of the sandbox's first process, of which bubblewrap tells."""
    text = b""
    while not text.rstrip().endswith(b"}"):
        if not select.select([info], [], [], SECONDS)[0] or not (more := os.read(info, 4096)):
            raise RuntimeError("there is no sandbox")
        text += more
    return json.loads(text)["child-pid"]


def join_group(pid):
    """Enter the control group of a process, so that its limits hold here."""
    with open("/proc/self/cgroup") as own, open(f"/proc/{pid}/cgroup") as other:
        text = other.read()
        if own.read() == text:
            return
    for line in text.splitlines():
        number, kinds, path = line.split(":", 2)
        if (number, kinds) == ("0", ""):
            with open(f"/sys/fs/cgroup{path}/cgroup.procs", "w") as file:
                file.write(str(os.getpid()))
            return
    raise RuntimeError("there are control groups of another kind")


def join(pid, process):
    """Enter all namespaces of a process that are not our own."""
    other = {
        name
        for name in NAMESPACES
        if os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}")
    }
    if not other >= NEEDED:
        raise RuntimeError(f"the sandbox shares {NEEDED - other}")
    if libc.setns(process, sum(NAMESPACES[name] for name in other)):
        raise OSError(ctypes.get_errno(), "its namespaces cannot be joined")


def be_nobody():
    """Give up all rights for ever, and the session."""
    os.setsid()
    forking.end_with_parent()
    for number in range(64):
        libc.prctl(DROP_BOUND, number, 0, 0, 0)
    libc.prctl(AMBIENT, CLEAR_ALL, 0, 0, 0)
    libc.capset(struct.pack("Ii", CAPABILITY_VERSION, 0), bytes(24))
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(DUMPABLE, 1, 0, 0, 0)  # or /proc/self would be somebody else's


def check_apart(hidden):
    """Raise RuntimeError unless this process is in a sandbox and has no rights.

    `hidden` is a path that must not be seen.
    """
    with open("/proc/self/status") as file:
        about = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    rights = {int(value, 16) for name, value in about.items() if name.startswith("Cap")}
    is_inside = os.readlink("/proc/self") == str(os.getpid()) and not os.path.exists(hidden)
    if rights != {0} or about["NoNewPrivs"] != "1" or not is_inside:
        raise RuntimeError("the sandbox was not joined")


def be_kernel(request):
    """Keep no file open, take the limits, and be the kernel."""
    null = os.open("/dev/null", os.O_RDWR)
    for file in range(3):
        os.dup2(null, file)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/tmp")
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None  # the server's is not in the sandbox
    random.seed(0)  # a fork draws new ones; those of the libraries are as the server left them
    sys.argv = ["ipykernel_launcher.py", "-f", request["connection"]]
    launch.launch(request["limits"], request["cores"])


if __name__ == "__main__":
    task, *arguments = sys.argv[1:]
    if task == "start":
        connection, request, *words = arguments
        start(json.loads(request) | {"connection": connection}, words)
    else:
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        serve(arguments[0], json.loads(arguments[1]))
