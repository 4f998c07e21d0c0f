"""executed notebook -> data/results/times.json: how long its cells take."""

import json
import re
from datetime import datetime

from helpers.exercises.session import TIMES, load_times, speed_here, step_ms
from helpers.files import atomic_write


def keep_times(name, notebook):
    """Keep how long the cells of a notebook took that nbclient has just run."""
    times = load_times() | {name: measure(notebook) | {"step_ms": round(step_ms(), 2)}}
    with atomic_write(TIMES) as temporary:
        temporary.write_text(json.dumps(times, indent=1, ensure_ascii=False) + "\n")


def plan(names):
    """Return what running these notebooks takes here, {name: seconds}, of those measured."""
    times, now_ms = load_times(), speed_here()
    seconds = {
        name: times[name]["seconds"] / times[name]["step_ms"] for name in names if name in times
    }
    return {name: now_ms * steps for name, steps in seconds.items()}


def measure(notebook):
    """Return {"seconds", "longest_s", "longest"}, the last the section of the longest cell."""
    section, seconds = "the first cell", {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = (re.findall(r"^## (.*)", cell.source, flags=re.M) or [section])[-1]
        elif stamps := cell.metadata.get("execution"):
            keys = ("iopub.execute_input", "shell.execute_reply")
            begin, end = (datetime.fromisoformat(stamps[key]) for key in keys)
            seconds[(end - begin).total_seconds()] = section
    longest = max(seconds)
    return {
        "seconds": round(sum(seconds), 1),
        "longest_s": round(longest, 1),
        "longest": seconds[longest],
    }
