"""grading notebook -> one line per cell: a pytest plugin that lets nbval score.

The kernel runs in a sandbox. nbval starts the kernel, runs each cell and compares what came with
the stored output. Changed here: how outputs are compared (numbers within a tolerance), that no mark
or tag is obeyed, that a kernel which died or hung is replaced so that the next exercise has its
chance, and that nothing that a kernel sends can hold up or fill this process.
"""

import ctypes
import json
import os
import time
import uuid
from pathlib import Path
from queue import Empty

import nbformat
import nbval.kernel
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError
from traitlets import default

from helpers.grader.judging import has_right_numbers, is_right
from helpers.grader.sandbox import DIED, TIME_IS_UP, TOO_LONG

# As in `probes`, which would bring torch along: time and memory.
MIME = "application/vnd.workbook.values+json"
LONGEST_SHOWN = 1_000_000  # characters of a wrong result that are kept
MAX_MESSAGE = 3 * 2**20  # bytes; a kernel that sends a longer one is not heard any more
STARTUP_SECONDS = 40  # a kernel and its libraries, or the imports of a notebook, on a busy machine
LIBRARIES = "import probes\nfrom helpers.exercises.checks import part1"


def pytest_addoption(parser):
    """Add the options that `grading` sets."""
    for name in ("exercise-seconds", "seconds", "output-mb"):
        parser.addoption(f"--{name}", type=float)


def pytest_configure(config):
    """End with the parent, and keep orphans of the kernel below this process.

    There they are found and killed.
    """
    config.deadline = time.monotonic() + config.option.seconds
    if hasattr(os, "fork") and Path("/proc").exists():
        libc = ctypes.CDLL(None)
        libc.prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
        libc.prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def pytest_collect_file(file_path, parent):
    """Collect the grading notebook."""
    if file_path.suffix == ".ipynb":
        return GradedFile.from_parent(parent, path=file_path)


class SocketKernelManager(nbval.kernel.KernelManager):
    """Talks to the kernel through files, for a sandbox has no network."""

    @default("transport")
    def _transport(self):
        return "ipc"

    @default("ip")
    def _ip(self):  # what the names of the sockets begin with
        return f"{os.environ['WORKBOOK_SOCKETS']}/{uuid.uuid4().hex[:12]}"

    def client(self, **options):
        """Return a client that receives no long message.

        What a cell printed is counted only once it is in memory.
        """
        client = super().client(**options)
        client.context.maxmsgsize = MAX_MESSAGE  # a default for the sockets that it opens next
        return client

    def write_connection_file(self, **options):
        """Write it, and let the user read it who is to be the kernel."""
        super().write_connection_file(**options)
        if uid := os.environ.get("WORKBOOK_UID"):
            os.chown(self.connection_file, int(uid), int(uid))


nbval.kernel.KernelManager = SocketKernelManager


class GuardedKernel(nbval.kernel.RunningKernel):
    """A kernel that can neither talk too long nor too much."""

    deadline = float("inf")
    characters_left = float("inf")

    def allow(self, seconds, characters):
        """Start counting anew, for a cell."""
        self.deadline, self.characters_left = time.monotonic() + seconds, characters

    def get_message(self, stream, timeout=None):
        """Return a message; Empty when the time is up, whatever the kernel goes on saying."""
        end = min(self.deadline, time.monotonic() + (1e6 if timeout is None else timeout))
        while True:
            try:
                message = super().get_message(
                    stream, timeout=max(0, min(0.5, end - time.monotonic()))
                )
                break
            except Empty:
                if not self.is_alive():
                    raise RuntimeError("the kernel died") from None
                if time.monotonic() >= end:
                    raise
        if time.monotonic() > self.deadline:
            raise Empty
        self.characters_left -= sum(len(str(value)) for value in message["content"].values())
        if self.characters_left < 0:
            raise TooMuchOutput
        return message


class TooMuchOutput(Exception):
    """A cell printed more than it may."""


class GradedFile(IPyNbFile):
    """A grading notebook, whose cells say in their metadata what they are."""

    def setup(self):
        """Leave the start of the kernel to the first cell."""
        # Exercises of which a cell failed in a way that makes the next ones useless.
        self.skip_exercises = set()

    def collect(self):
        """Yield every cell; its outputs are compared whatever stands in it."""
        self.nb = nbformat.read(self.path, as_version=4)
        for number, cell in enumerate(self.nb.cells):
            options = {"check": True, "skip": False, "check_exception": False}
            yield GradedCell.from_parent(
                self, name=f"Cell {number}", cell_num=number, cell=cell, options=options
            )

    def start_kernel(self):
        """Start a kernel if none lives, and load the libraries before any time is taken."""
        if not self.is_ready():
            self.kernel = GuardedKernel(
                "sandbox", cwd=str(self.path.parent), startup_timeout=STARTUP_SECONDS
            )
            self.kernel.allow(STARTUP_SECONDS, 1e6)
            self.kernel.await_idle(self.kernel.execute_cell_input(LIBRARIES), STARTUP_SECONDS)

    def is_ready(self):
        """Return whether there is a kernel, and it lives."""
        return self.kernel is not None and self.kernel.is_alive()

    def stop_kernel(self):
        """Stop the kernel, also one that does not answer."""
        if self.is_ready():
            self.kernel.stop()
        self.kernel = None

    def teardown(self):
        """Stop the kernel."""
        self.stop_kernel()


class GradedCell(IPyNbCell):
    """A cell of a grading notebook; each says in one line of results.jsonl how it went."""

    def setup(self):
        """Do not expect failures after a failure: the kernel is a new one then."""

    def runtest(self):
        """Run the cell by nbval, and write down how it went.

        Imports run twice, if the kernel died of what was before.
        """
        grading, start = dict(self.cell.metadata["grading"]), time.monotonic()
        self.shown, self.has_numbers = None, False
        grading |= self._outcome(grading)
        grading["numbers"] = grading["passed"] or self.has_numbers
        if not grading["passed"] and len(json.dumps(self.shown)) < LONGEST_SHOWN:
            grading["shown"] = self.shown  # mistakes are named by it
        if grading["part"] == "imports":
            if not self.parent.is_ready():
                grading |= self._outcome(grading)
        elif not self.parent.is_ready() or (grading["part"] == "source" and not grading["passed"]):
            self.parent.skip_exercises.add(grading["exercise"])
        with Path("results.jsonl").open("a") as file:
            file.write(json.dumps(grading | {"seconds": time.monotonic() - start}) + "\n")
        assert grading["passed"], grading["message"]

    def _outcome(self, grading):
        """Run the cell; return whether it passed, and what is to be said.

        No kernel is left that hung or died.
        """
        start = time.monotonic()
        try:
            self._run(grading)
            return {"passed": True, "message": ""}
        except TooMuchOutput:
            self.parent.stop_kernel()
            return {"passed": False, "message": "it printed too much"}
        except NbCellError as error:
            message = self._reason(error)
        except Exception:  # a kernel that died, or one that sent what no kernel sends
            is_late = time.monotonic() - start >= self.config.option.nbval_cell_timeout
            message = self._late() if is_late else DIED
            self.parent.stop_kernel()
        if self.parent.timed_out:
            self.parent.stop_kernel()
        self.parent.timed_out = False
        return {"passed": False, "message": message}

    def _run(self, grading):
        if grading["exercise"] in self.parent.skip_exercises:
            raise NbCellError(self.cell_num, "not run: an earlier cell of this exercise failed", "")
        if time.monotonic() > self.config.deadline:
            raise NbCellError(self.cell_num, TIME_IS_UP, "")
        self.parent.start_kernel()
        left = max(1, self.config.deadline - time.monotonic())
        seconds = (
            STARTUP_SECONDS if grading["part"] == "imports" else self.config.option.exercise_seconds
        )
        self.config.option.nbval_cell_timeout = min(left, seconds)
        self.output_timeout = 2
        self.parent.kernel.allow(
            min(left, seconds) + self.output_timeout, self.config.option.output_mb * 2**20
        )
        super().runtest()

    def _reason(self, error):
        if self.parent.timed_out or "Timeout" in str(error):
            self.parent.timed_out = True
            return self._late()
        for output in self.test_outputs or []:
            if output.output_type == "error":
                return f"{output['ename']}: {output['evalue']}"[:700]
        return (
            "its check did not say that it holds"
            if self.cell.metadata["expected"]
            else str(error)[:700]
        )

    def _late(self):
        """Return whose time was up: the cell's own, or that of the submission."""
        limit = self.config.option.nbval_cell_timeout
        return (
            TIME_IS_UP
            if time.monotonic() > self.config.deadline
            else f"{TOO_LONG} {limit:.0f} seconds"
        )

    def compare_outputs(self, test, ref, skip_compare=None):
        """Return whether what came is right: in the place of nbval's comparison of strings."""
        self.comparison_traceback = []
        expected = self.cell.metadata["expected"]
        if "line" in expected:  # of a visible check, behind whatever else was printed
            text = "".join(
                str(output.get("text", "")) for output in test if output.get("name") == "stdout"
            )
            return text.endswith(expected["line"])
        if "values" in expected:
            shown = [
                o["data"][MIME]
                for o in test
                if o.output_type == "display_data" and MIME in o["data"]
            ]
            self.shown, values = shown[-1] if shown else None, expected["values"]
            if shown and values is not None:
                self.has_numbers = has_right_numbers(values, shown[-1], expected["is_twice"])
            name = self.cell.metadata["grading"]["exercise"]
            return bool(shown) and is_right(name, expected["inputs"], values, shown[-1])
        return True
