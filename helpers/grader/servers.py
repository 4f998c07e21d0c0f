"""grading -> two processes that have imported everything, of which each submission gets forks.

One forks pytest, which is trusted. The other forks kernels and has never seen a secret: it starts
with an environment of its own, and runs only the workbook's code and the libraries'. Workers of one
machine share the two. Without Linux, processes start as usual, and kernels do so where bubblewrap's
namespaces cannot be joined.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

from helpers.files import TEACHERS
from helpers.grader import forking
from helpers.grader.sandbox import (
    environment_for,
    kept_environment,
    kernel_command,
    make_workplace,
    temporary_folder,
    write_helpers,
)

IMPORT_SECONDS, ANSWER_SECONDS = 120, 60  # on a busy machine
SLOWER = (
    "Bubblewrap's namespaces cannot be joined here: each kernel starts anew, in 6 seconds more."
)
lock = threading.Lock()  # however many threads want servers, one starts them
started = {}  # {sandbox: Servers or None}
kept_open = []  # what the servers read: they end when this process does


@dataclass(frozen=True)
class Servers:
    """Where the servers of this machine listen."""

    folder: Path
    forks_kernels: bool = False  # else a kernel is a new process

    @property
    def work(self):
        """The helpers that kernels see."""
        return self.folder / "work"

    @property
    def private(self):
        """The folder of the sockets, which only the grader may enter."""
        return self.folder / "private"

    def are_here(self):
        """Return whether they are on this machine, and of this user."""
        with contextlib.suppress(OSError):
            return self.private.stat().st_uid == os.geteuid()
        return False

    def start_pytest(self, arguments, folder, environment):
        """Return a process that runs pytest. Raises OSError where no server answers."""
        request = {"arguments": arguments, "folder": str(folder), "environment": environment}
        outlet, inlet = os.pipe()
        with os.fdopen(inlet, "w"):
            forking.ask(f"{self.private}/pytest", request, [inlet])
        return Forked(number_from(outlet))

    @contextlib.contextmanager
    def kernel_server(self, address):
        """Yield a process that forks all kernels of one submission.

        It listens at an address of its own. At the end it goes, and all that it forked.
        """
        asleep, awake = os.pipe()
        outlet, inlet = os.pipe()
        with os.fdopen(awake, "w"):
            with os.fdopen(asleep), os.fdopen(inlet, "w"):
                request = {"serve": str(address)}
                forking.ask(f"{self.private}/kernels", request, [asleep, inlet])
            yield Forked(number_from(outlet))


class Forked:
    """A process that a server has forked, in the form of a subprocess.Popen."""

    def __init__(self, pid):
        """Know it by its number, now, and later by a file that no other process can get."""
        self.pid, self._file = pid, os.fdopen(os.pidfd_open(pid))

    def poll(self, seconds=0):
        """Return None while it runs, else 0; give it so many seconds to end."""
        return 0 if select.select([self._file], [], [], seconds)[0] else None

    def kill(self):
        """End it."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._file.fileno(), signal.SIGKILL)

    def wait(self):
        """Return when it has ended."""
        self.poll(None)


def number_from(outlet, seconds=ANSWER_SECONDS):
    """Return the number that a process sends as a line. Raises OSError where none comes."""
    with os.fdopen(outlet) as file:
        line = file.readline() if select.select([file], [], [], seconds)[0] else ""
    if not line:
        raise OSError("a server does not answer")
    return int(line)


def servers_for(sandbox, limits, imports=()):
    """Return the Servers of this process, None where there are none to be had.

    They are started the first time, and end with this process. They import `imports`, texts of
    import statements, so that kernels need not.
    """
    with lock:
        # With no sandbox, a submission could change the helpers for the next one.
        if sandbox == "none" or not hasattr(os, "pidfd_open"):
            return None
        if sandbox not in started:
            started[sandbox] = start_servers(sandbox, limits, imports)
        return started[sandbox]


def start_servers(sandbox, limits, imports):
    """Start servers; return Servers, None if one does not answer."""
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    folder.chmod(0o711)  # others may pass through it to the helpers
    servers = Servers(folder)
    servers.private.mkdir(mode=0o700)
    write_helpers(servers.work)
    # Both import at the same time.
    kernels = start_kernels(servers, imports) if sandbox == "bubblewrap" else None
    module = f"helpers.{TEACHERS}.trusted"
    command = [sys.executable, "-m", module, str(folder)]
    pytest = start(command, kept_environment() | {"OMP_NUM_THREADS": "1"})
    joined = replace(servers, forks_kernels=True)
    if has_started(kernels) and can_join(joined, sandbox, limits):
        servers = joined
    elif sandbox == "bubblewrap":
        warnings.warn(SLOWER, stacklevel=4)
    return servers if has_started(pytest) else None


def has_started(outlet):
    """Return whether a server says on the file `outlet` that it listens."""
    with contextlib.suppress(OSError):
        return bool(outlet) and number_from(outlet, IMPORT_SECONDS) > 0
    return False


def start_kernels(servers, imports):
    """Start the server of kernels; return the file that it writes to, None where it cannot be.

    Its environment is that of a kernel, but for the places where libraries want to write.
    """
    home = servers.private / "home"
    home.mkdir()
    names = "HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR"
    environment = environment_for(home, "bubblewrap", servers.work)
    environment |= dict.fromkeys(names, str(home))
    place = f"{servers.work}/joining.py"
    command = [sys.executable, place, "serve", f"{servers.private}/kernels", json.dumps(imports)]
    try:
        with sealed(Path(sys.executable)) as file:
            python = f"/proc/self/fd/{file.fileno()}"
            return start(command, environment, executable=python, pass_fds=[file.fileno()])
    except OSError:
        return None


def start(command, environment, **more):
    """Start a server, which ends when this process does; return the file that it writes to."""
    asleep, awake = os.pipe()
    outlet, inlet = os.pipe()
    kept_open.append(awake)
    with os.fdopen(asleep) as stdin, os.fdopen(inlet, "w") as stdout:
        streams = {"stdin": stdin, "stdout": stdout, "stderr": subprocess.DEVNULL}
        subprocess.Popen(
            command, env=environment, cwd="/", start_new_session=True, **streams, **more
        )
    return outlet


@contextlib.contextmanager
def sealed(path):
    """Yield a copy of a file, in memory, which nobody can write to.

    A process in a sandbox reaches the file that it runs by /proc/self/exe, and a fork runs the one
    of its server, which lies outside.
    """
    with os.fdopen(os.memfd_create(path.name, os.MFD_ALLOW_SEALING), "w+b") as file:
        file.write(path.read_bytes())
        file.flush()
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
        yield file


def can_join(servers, sandbox, limits):
    """Return whether a kernel could join a sandbox: a fork tries, and says so."""
    with temporary_folder() as folder, contextlib.suppress(OSError, subprocess.TimeoutExpired):
        environment = make_workplace(folder, sandbox, limits, [], servers)
        with servers.kernel_server(folder / "trusted" / "kernels"):
            command = kernel_command(folder, sandbox, limits, [], servers, "")
            done = subprocess.run(
                command, env=environment, capture_output=True, timeout=ANSWER_SECONDS
            )
            return done.stdout.strip() == b"joined"
    return False
