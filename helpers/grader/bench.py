"""a class -> one ratio: how long grading takes on a Dask cluster of one worker, and of two."""

import shutil
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np

from helpers.exercises.cells import name_of, read_notebooks, tags_of
from helpers.files import WorkbookError
from helpers.grader.grading import grade
from helpers.grader.release import student_copy

SECRET = "the secret of the benchmark"


def write_class(folder, masters, num_students, seed=0):
    """Write submissions in which each exercise is solved, as the master does, or left as it was, at
    random.
    """
    generator = np.random.default_rng(seed)
    solutions = {
        name_of(c): c.source for m in masters.values() for c in m.cells if "exercise" in tags_of(c)
    }
    for number in range(num_students):
        for stem, master in masters.items():
            copy = student_copy(master)
            for cell in copy.cells:
                if "exercise" in tags_of(cell) and generator.random() < 0.7:
                    cell.source = solutions[name_of(cell)]
            path = Path(folder) / f"student_{number:03d}" / f"{stem}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(copy, path)


def bench_grading(num_students=13):
    """Grade a small class on a local Dask cluster of one worker, then of two, one thread each;
    print the ratio.
    """
    try:
        from distributed import LocalCluster
    except ImportError as error:
        raise WorkbookError('This benchmark needs Dask: pip install -e ".[cluster]".') from error
    seconds = {}
    with tempfile.TemporaryDirectory() as temporary:
        write_class(f"{temporary}/class", read_notebooks(), num_students)
        for num_workers in (1, 2):
            out = Path(temporary) / f"out-{num_workers}"
            options = {"n_workers": num_workers, "threads_per_worker": 1, "dashboard_address": None}
            with LocalCluster(**options, silence_logs=50) as cluster:
                shutil.copytree(
                    f"{temporary}/class/student_000",
                    f"{temporary}/first/student_000",
                    dirs_exist_ok=True,
                )
                grade(
                    f"{temporary}/first", out, secret=SECRET, cluster=cluster.scheduler_address
                )  # and the master
                start = time.perf_counter()
                grade(f"{temporary}/class", out, secret=SECRET, cluster=cluster.scheduler_address)
                seconds[num_workers] = time.perf_counter() - start
    for num_workers, took in seconds.items():
        each = took / (num_students - 1)  # the first was graded before
        print(
            f"{num_workers} worker{'s' * (num_workers > 1):1}  {took:6.1f} s  {each:5.1f} s a submission  ",
            end="",
        )
        print(f"{seconds[1] / took:4.2f} x")
