"""executed notebook -> data/results/times.json: how long its cells take."""

import json
import re
import time

from helpers.exercises import session
from helpers.files import atomic_write


def keep_times(name, notebook):
    """Keep how long the cells of a notebook took that nbclient has just run."""
    times = session.load_times() or {"notebooks": {}}
    times["step_ms"] = round(times.get("step_ms") or session.step_ms(), 2)
    times["notebooks"][name] = measure(notebook)
    with atomic_write(session.TIMES) as temporary:
        temporary.write_text(json.dumps(times, indent=1, ensure_ascii=False) + "\n")


def measure(notebook):
    """Return {"seconds", "longest_s", "longest"} of an executed notebook; "longest" is the section
    of that cell.
    """
    section, seconds = "", {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            section = (re.findall(r"^##+ (.*)", cell.source, flags=re.M) or [section])[-1]
        elif stamps := cell.metadata.get("execution"):
            begin_s, end_s = (
                _seconds(stamps[key]) for key in ("iopub.execute_input", "shell.execute_reply")
            )
            seconds[end_s - begin_s] = section
    longest = max(seconds)
    return {
        "seconds": round(sum(seconds), 1),
        "longest_s": round(longest, 1),
        "longest": seconds[longest],
    }


def _seconds(stamp):
    return time.mktime(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) + float(f"0{stamp[19:-1]}")
