"""submissions -> what grading needs of them, each read by a process of its own, with limits.

`python -m helpers.grader.reading_process` takes {"course": ..., "paths": {name: path}} as JSON and prints a
line of JSON for each. It forks for each, so that one that is too large or too slow ends alone.
"""

import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from helpers.grader.picking import pick
from helpers.grader.unpacking import Refused, read_notebooks

SECONDS, MEMORY_MB, OUTPUT_MB = 8, 300, 20
TOO_SLOW = f"Reading it took more than {SECONDS} seconds, or gave more than {OUTPUT_MB} MB."
OUT_OF_MEMORY = 3  # what a reading process then ends with
TOO_MUCH = f"Reading it took more than {MEMORY_MB} MB of memory."


def main():
    """Read the task from the standard input; print a line for each submission."""
    task = json.load(sys.stdin)
    for name, path in task["paths"].items():
        print(json.dumps({"name": name} | read_apart(path, task["course"])), flush=True)


def read_apart(path, course):
    """Return what `read` says of a submission, from a process of its own, with what it took."""
    if not hasattr(os, "fork"):  # Windows
        return read(path, course)
    start, (outlet, inlet) = time.monotonic(), os.pipe()
    pid = os.fork()
    if not pid:
        os.close(outlet)
        work_and_exit(inlet, path, course)
    os.close(inlet)
    text = receive(outlet, start + 2 * SECONDS)
    os.close(outlet)
    if text is None:
        os.kill(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    cpu = usage.ru_utime + usage.ru_stime
    took = {"seconds": time.monotonic() - start, "cpu": cpu, "peak_mb": usage.ru_maxrss / 1024}
    return verdict(text, os.waitstatus_to_exitcode(status)) | took


def verdict(text, code):
    """Return what a reading process said; a sentence where it did not get that far."""
    if text is None or code in (-signal.SIGXCPU, -signal.SIGKILL):
        return {"refused": TOO_SLOW}
    if code == OUT_OF_MEMORY:
        return {"refused": TOO_MUCH}
    if code == 0:
        return json.loads(text)
    return {"refused": f"It cannot be read (its reading ended with {code})."}


def receive(outlet, deadline):
    """Return all that comes through a pipe until it is closed; None if that is too much or late."""
    parts, left = [], OUTPUT_MB * 2**20
    while select.select([outlet], [], [], max(0, deadline - time.monotonic()))[0]:
        part = os.read(outlet, 2**16)
        if not part:
            return b"".join(parts)
        parts.append(part)
        left -= len(part)
        if left < 0:
            break
    return None


def work_and_exit(inlet, path, course):
    """Read a submission within limits, send what was found, and end this process."""
    code = 1
    try:
        limit()
        text = json.dumps(read(path, course)).encode()
        with os.fdopen(inlet, "wb") as pipe:
            pipe.write(text)
        code = 0
    except MemoryError:
        code = OUT_OF_MEMORY
    finally:
        os._exit(code)


def limit():
    """Take the limits of a reading process."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB * 2**20, MEMORY_MB * 2**20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read(path, course):
    """Return a submission's {"sources", "context", "answers", "notes"}, or {"refused": why}."""
    try:
        notebooks, notes = read_notebooks(Path(path), set(course["stems"]))
        found = pick(notebooks, course)
        return found | {"notes": notes + found["notes"]}
    except Refused as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": TOO_MUCH}
    except RecursionError:
        return {"refused": "Its code hangs together too deeply to be read."}
    except Exception as error:  # whatever a submission holds, the others are read
        return {"refused": f"It cannot be read ({type(error).__name__})."}


if __name__ == "__main__":
    main()
