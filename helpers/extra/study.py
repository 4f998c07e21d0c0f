"""study -> runs: every setting of a study with several seeds, each run once and kept."""

import itertools
import json
import os
from dataclasses import asdict, dataclass, replace

import joblib
import torch

from helpers.extra.measure import latency_ms, machine
from helpers.extra.runs import run_alone
from helpers.extra.settings import SIMPLE_NET
from helpers.files import RESULTS, atomic_write, cache_folder, digest, profile
from helpers.progress import ask_before, progress
from helpers.training import TrainConfig, epochs
from helpers.workers import workers

RUN_VERSION = 2  # raise it when runs would give other results: cached ones are then repeated


@dataclass(frozen=True)
class Study:
    """Settings to compare, each with several seeds."""

    name: str
    settings: tuple  # of Settings
    varied: tuple  # the names of the settings that differ
    seeds: tuple = (0, 1, 2)


def grid(name, base=SIMPLE_NET, seeds=(0, 1, 2), **values):
    """Return the Study of every combination of the values.

    An example: `grid(..., learning_rate=(1e-3, 1e-2))`.
    """
    combinations = [dict(zip(values, chosen)) for chosen in itertools.product(*values.values())]
    return Study(name, tuple(replace(base, **c) for c in combinations), tuple(values), tuple(seeds))


def one_at_a_time(name, base=SIMPLE_NET, seeds=(0, 1, 2), **values):
    """Return the Study of the base and of every value with all else as in the base."""
    changed = [replace(base, **{key: value}) for key, chosen in values.items() for value in chosen]
    return Study(name, tuple(dict.fromkeys([base, *changed])), tuple(values), tuple(seeds))


# --- a study --------------------------------------------------------------------------------------


def run_study(study, material, jobs=None, cluster=None, anew=False):
    """Return the runs of a Study as a list of dicts.

    Each has settings, seed, status, accuracies, history, times and parameters. Runs go side by
    side, one per core (`jobs`), or to the Dask cluster whose scheduler has the address `cluster`;
    then times are measured here, one after the other. Earlier runs come from the cache, where every
    run is saved as soon as it ends: after an interruption the same call goes on. In the profile
    "quick": one seed, one epoch. Studies of the photographs come with the workbook; with `anew`
    they are run here.
    """
    if profile() == "full" and not anew and (saved := load_study(study, material.name)):
        print(f"{len(saved['runs'])} runs that come with the workbook, made on {saved['machine']}.")
        return saved["runs"]
    if profile() == "quick":
        quick = tuple(replace(settings, num_epochs=1) for settings in study.settings)
        study, jobs = replace(study, settings=quick, seeds=study.seeds[:1]), 1
    key = material.key()
    path = lambda kind, *task: (
        cache_folder() / "runs" / f"{digest([RUN_VERSION, kind, *task, key])}.json"
    )
    tasks = {
        path("run", asdict(s), seed): (s, seed) for s in study.settings for seed in study.seeds
    }
    missing = {place: task for place, task in tasks.items() if _read(place) is None}
    _run_missing(missing, material, study.name, jobs, cluster)
    timed = {path("times", asdict(s), machine(TrainConfig())): s for s in study.settings}
    for place, settings in progress(timed.items(), desc="Measuring times", unit="network", delay=1):
        if _read(place) is None:
            _write(place, measure_times(settings, material))
    times = {settings: _read(place) for place, settings in timed.items()}
    runs = [_read(place) | times[settings] for place, (settings, _) in tasks.items()]
    if os.environ.get("WORKBOOK_PUBLISH") and profile() == "full":
        _write(study_path(study, material.name), {"machine": machine(TrainConfig()), "runs": runs})
    return runs


def study_path(study, dataset):
    """Return the path of a study that comes with the workbook.

    `workbook run ec1 --save` writes it.
    """
    return RESULTS / dataset / "studies" / f"{study.name.replace(' ', '-')}.json"


def load_study(study, dataset):
    """Return {"machine", "runs"} of a study that comes with the workbook.

    Returns None if its settings are others.
    """
    saved = _read(study_path(study, dataset))
    wanted = [
        asdict(settings) | {"seed": seed} for settings in study.settings for seed in study.seeds
    ]
    made = [{key: run.get(key) for key in wanted[0]} for run in saved["runs"]] if saved else []
    return saved if made == wanted else None


def _run_missing(missing, material, name, jobs, cluster):
    """Run the tasks {path: (settings, seed)} side by side, and write each when it ends."""
    if not missing:
        return
    num_cores = torch.get_num_threads()
    jobs = jobs or min(num_cores, len(missing))
    longest = max(missing.values(), key=lambda task: task[0].num_epochs)[0]
    if len(missing) > 3:  # else the estimate would take as long as the runs
        seconds = measure_times(longest, material)["training_s"] * len(missing)
        ask_before(seconds, f"{len(missing)} runs of {name}")
    threads = max(1, num_cores // jobs)
    work = [
        joblib.delayed(_numbered)(i, *task, material, threads)
        for i, task in enumerate(missing.values())
    ]
    places = list(missing)
    with workers(jobs, threads, cluster):
        results = joblib.Parallel(return_as="generator_unordered")(work)
        bar = {"desc": f"Runs of {name}", "unit": "run", "delay": 1}
        for index, result in progress(results, total=len(work), **bar):
            _write(places[index], result)
    torch.set_num_threads(num_cores)


def _numbered(index, *task):
    return index, run_alone(*task)


def _read(path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):  # absent, or damaged: it is run again
        return None


def _write(path, content):
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content))


def measure_times(settings, material):
    """Return the seconds that training by these settings takes, and the ms to classify one image.

    Measured with all threads: the second of two epochs, times their number; the median of 30
    images. Call it with nothing else running.
    """
    model, (train, held_out, val) = settings.build(), material.normalised()
    if profile() == "quick":  # tests want any number
        train, held_out = train[:64], held_out[:15]
    # The learning rate is so small that nothing diverges.
    config = replace(settings.train_config(), num_epochs=2, learning_rate=1e-6)
    *_, second = epochs(model, train, held_out, config, settings.augment())
    image = val.images[:1].to(next(model.parameters()).device)
    return {
        "training_s": second["seconds"] * settings.num_epochs,
        "inference_ms": latency_ms(model, image),
    }
