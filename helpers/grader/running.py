"""grading notebook -> lines of results: nbval's run of it, watched from outside."""

import contextlib
import json
import subprocess
import sys

from helpers.files import TEACHERS
from helpers.grader.sandbox import (
    DIED,
    TIME_IS_UP,
    TOO_LONG,
    make_workplace,
    temporary_folder,
)
from helpers.grader.servers import servers_for
from helpers.grader.watching import own_core, run_watched


def run_notebook(notebook, sandbox, limits, servers=None):
    """Run a grading notebook by nbval, with its kernel in a sandbox.

    `servers` are those of another process, which are used if it is on this machine. Returns (lines
    of results, why it was stopped, whether a busy machine made it run out of time).
    """
    if not servers or not servers.are_here():
        servers = servers_for(sandbox, limits)
    if servers and not servers.are_here():
        servers = None
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        cores = stack.enter_context(own_core())
        environment = make_workplace(folder, sandbox, limits, cores, servers)
        trusted = folder / "trusted"
        (trusted / "grading.ipynb").write_text(json.dumps(notebook))
        server = None
        if servers and servers.forks_kernels:
            with contextlib.suppress(OSError):  # then kernels start without it
                server = stack.enter_context(servers.kernel_server(trusted / "kernels"))
        process = start_pytest(servers, trusted, environment, limits)
        why, was_starved = run_watched(process, server, folder, environment, limits)
        lines = read_lines(trusted / "results.jsonl")
        return lines, why, was_starved and (bool(why) or any(map(ran_out, lines)))


def start_pytest(servers, folder, environment, limits):
    """Return a process that runs nbval over the notebook in a folder: a fork, where that can be."""
    numbers = {
        "seconds": limits.seconds,
        "exercise-seconds": limits.exercise_seconds,
        "output-mb": limits.output_mb,
    }
    arguments = [
        *("-q", "-p", "nbval.plugin", "-p", f"helpers.{TEACHERS}.nbval_grader"),
        *("-p", "no:cacheprovider", "--noconftest", "-c", "/dev/null", "--rootdir", "."),
        *(f"--{name}={number}" for name, number in numbers.items()),
        "grading.ipynb",
    ]
    if servers:
        with contextlib.suppress(OSError):
            return servers.start_pytest(arguments, folder, environment)
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **silent)


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
