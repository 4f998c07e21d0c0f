"""limits -> a kernel that cannot go beyond them: what the student's process does first of all.

A grading run copies this file into the sandbox. What is taken here, no later code can give back.
"""

import contextlib
import ctypes
import json
import os
import platform
import resource
import runpy
import struct
import sys

# System calls that no exercise needs: memory that belongs to no process (in files without a name,
# System V's shared memory, queues, keys), memory that others fill, and leave to use other cores.
REFUSED = {
    "x86_64": {
        "memfd_create": 319,
        "memfd_secret": 447,
        "shmget": 29,
        "msgget": 68,
        "semget": 64,
        "mq_open": 240,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "io_uring_setup": 425,
        "userfaultfd": 323,
        "bpf": 321,
        "perf_event_open": 298,
        "sched_setaffinity": 203,
    },
    "aarch64": {
        "memfd_create": 279,
        "memfd_secret": 447,
        "shmget": 194,
        "msgget": 186,
        "semget": 190,
        "mq_open": 180,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "io_uring_setup": 425,
        "userfaultfd": 282,
        "bpf": 280,
        "perf_event_open": 241,
        "sched_setaffinity": 122,
    },
}
MMAP = {"x86_64": 9, "aarch64": 222}
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # how seccomp names the machines
X32 = 0x40000000  # numbers from here on are another way to the same calls
LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06  # of the filter's machine, BPF
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # the second as EPERM, "Operation not permitted"
SHARED_WITHOUT_A_FILE = 0x21  # MAP_SHARED and MAP_ANONYMOUS


def launch(limits, cores):
    """Take the limits, and be a kernel."""
    take_limits(limits, cores)
    with contextlib.suppress(OSError, AttributeError):  # no Linux, or one without seccomp
        refuse_calls()
    sys.path[0] = ""
    runpy.run_module("ipykernel_launcher", run_name="__main__", alter_sys=True)


def take_limits(limits, cores):
    """Take [[name, number], ...] of the operating system's limits, and use only these cores."""
    for name, number in limits:
        hard = resource.getrlimit(getattr(resource, name))[1]
        number = number if hard == resource.RLIM_INFINITY else min(number, hard)
        resource.setrlimit(getattr(resource, name), (number, number))
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def refuse_calls():
    """Let the operating system refuse some calls to this process and to all that it starts."""
    if not (steps_of_all := program()):
        return
    code = ctypes.create_string_buffer(steps_of_all)
    filters = struct.pack("HxxxxxxP", len(steps_of_all) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    libc.prctl(22, 2, ctypes.create_string_buffer(filters))  # PR_SET_SECCOMP, by a filter


def program():
    """Return the filter as the operating system reads it, b"" for a machine that is not known."""
    machine = platform.machine()
    known = steps(machine) if machine in REFUSED else []
    return b"".join(struct.pack("HBBI", *step) for step in known)


def steps(machine):
    """Return the filter's steps: (operation, steps to skip if true, if false, number)."""
    numbers = sorted(REFUSED[machine].values())
    left = len(numbers) + 5  # from the test of the machine to the step that refuses
    yield LOAD, 0, 0, 4  # the machine
    yield EQUAL, 0, left + 2, AUDIT[machine]
    yield LOAD, 0, 0, 0  # the call
    yield AT_LEAST, left, 0, X32
    for place, number in enumerate(numbers):
        yield EQUAL, left - 1 - place, 0, number
    yield EQUAL, 0, 3, MMAP[machine]
    yield LOAD, 0, 0, 40  # the flags, its fourth argument
    yield AND, 0, 0, SHARED_WITHOUT_A_FILE
    yield EQUAL, 1, 0, SHARED_WITHOUT_A_FILE
    yield RETURN, 0, 0, ALLOW
    yield RETURN, 0, 0, REFUSE


if __name__ == "__main__":
    launch(*json.loads(sys.argv.pop(1)))
