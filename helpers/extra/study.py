"""study -> table of runs: a question, the settings that may answer it, and what each did over several seeds."""

import itertools
import json
import math
from dataclasses import asdict, dataclass, fields, replace

import joblib
import pandas as pd
import torch
from tqdm.auto import tqdm

from helpers.augmentation import Augmentation
from helpers.data import CLASS_NAMES, Split, compute_mean_and_std, fingerprint, hold_out, normalise
from helpers.files import atomic_write, cache_folder, digest, profile
from helpers.models import SimpleNetVariant, latency_ms, num_parameters
from helpers.recipes import machine
from helpers.training import Diverged, TrainConfig, epochs, evaluate
from helpers.workers import workers

NUM_CLASSES = len(CLASS_NAMES)
RUN_VERSION = 1  # raise it when a run would come out otherwise: older ones are then made anew


@dataclass(frozen=True)
class Settings:
    """What a run varies. The defaults are SimpleNet and its recipe, for 10 epochs."""

    learning_rate: float = 4e-3  # peak of the one-cycle schedule
    batch_size: int = 32  # images
    num_epochs: int = 10  # passes over the training images
    weight_decay: float = 0.5  # share of a weight lost a step, in units of the learning rate
    label_smoothing: float = 0.2  # share of the target spread evenly over all classes
    dropout: float = 0.0  # share of activations zeroed before each linear layer
    augmentation: float = 0.0  # strength of flips, crops, brightness and contrast; 0: none
    kernel_size: int = 5  # pixels, height and width of every kernel
    depth: int = 2  # convolutions
    width: int = 10  # channels of the first convolution; each further one has twice as many

    def build(self, seed=0):
        """Return the untrained network that the settings and the seed describe."""
        torch.manual_seed(seed)
        return SimpleNetVariant(NUM_CLASSES, self.kernel_size, self.depth, self.width, self.dropout)

    def augment(self):
        """Return the Augmentation of this strength, None for 0."""
        return Augmentation().scaled(self.augmentation) if self.augmentation else None

    def train_config(self, seed=0):
        """Return the TrainConfig of these settings."""
        own = asdict(self)
        return TrainConfig(**{f.name: own[f.name] for f in fields(TrainConfig) if f.name in own}, seed=seed)


SIMPLE_NET = Settings()


@dataclass(frozen=True)
class Study:
    """A question, and the settings whose runs may answer it."""

    name: str
    question: str
    settings: tuple  # of Settings
    varied: tuple  # the names of the settings that differ
    seeds: tuple = (0, 1, 2)


def grid(name, question, base=SIMPLE_NET, seeds=(0, 1, 2), **values):
    """Return the Study of every combination of the values, as in `grid(..., learning_rate=(1e-3, 1e-2))`."""
    combinations = [dict(zip(values, chosen)) for chosen in itertools.product(*values.values())]
    return Study(name, question, tuple(replace(base, **c) for c in combinations), tuple(values), tuple(seeds))


def one_at_a_time(name, question, base=SIMPLE_NET, seeds=(0, 1, 2), **values):
    """Return the Study of the base and of every value with all else as in the base."""
    changed = [replace(base, **{key: value}) for key, chosen in values.items() for value in chosen]
    return Study(name, question, tuple(dict.fromkeys([base, *changed])), tuple(values), tuple(seeds))


# --- data ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Material:
    """The images that runs share, as decoded, and the mean and std (in 0..1) of those learned from."""

    name: str  # of the data set
    train: Split  # learned from
    held_out: Split  # 20 training images a class, on which settings are compared
    val: Split  # the validation images: reported, not chosen by
    mean: float
    std: float

    def normalised(self):
        """Return (train, held_out, val) as float32, normalised."""
        return [normalise(split, self.mean, self.std) for split in (self.train, self.held_out, self.val)]

    def key(self):
        """Return a digest of every number in the images and labels."""
        splits = (self.train, self.held_out, self.val)
        return fingerprint(*(part for split in splits for part in (split.images, split.labels)))


def make_material(scenes):
    """Return the Material of Scenes at 64 px: a part of the training images is held out, 20 a class."""
    train, held_out = hold_out(scenes.train, per_class=20 if profile() == "full" else 5)
    return Material(scenes.name, train, held_out, scenes.val, *compute_mean_and_std(train.images))


# --- one run ---------------------------------------------------------------------------------------------------------


def run(settings, seed, material, on_batch=None):
    """Train one network; yield each epoch's row of the history, then the whole run as one flat dict.

    In the rows, "val" is the held-out part. A run ends with status "diverged" when its loss is no longer a number, or
    in the end twice that of guessing.
    """
    model, rows, status = settings.build(seed), [], "finished"
    train, held_out, val = material.normalised()
    try:
        for row in epochs(model, train, held_out, settings.train_config(seed), settings.augment(), on_batch=on_batch):
            rows.append(row)
            yield row
    except Diverged:
        status = "diverged"
    if rows and rows[-1]["train_loss"] > 2 * math.log(NUM_CLASSES):
        status = "diverged"
    result = asdict(settings) | {"seed": seed, "status": status, "num_parameters": num_parameters(model)}
    if status == "finished":
        result |= {"train_accuracy": rows[-1]["train_accuracy"], "held_out_accuracy": rows[-1]["val_accuracy"]}
        result["val_accuracy"] = evaluate(model, val.to(next(model.parameters()).device))[1]
    yield result | {"history": rows}


def run_alone(settings, seed, material, num_threads=None):
    """Return the whole run, trained with `num_threads` threads (all by default)."""
    if num_threads:
        torch.set_num_threads(num_threads)
    *_, result = run(settings, seed, material)
    return result


def measure_times(settings, material):
    """Return the seconds that training by these settings takes, and the ms to classify one image.

    Measured with all threads: the second of two epochs, times their number; the median of 30 images. Call it with
    nothing else running.
    """
    model, (train, held_out, val) = settings.build(), material.normalised()
    config = replace(settings.train_config(), num_epochs=2, learning_rate=1e-6)  # so small that nothing diverges
    *_, second = epochs(model, train, held_out, config, settings.augment())
    image = val.images[:1].to(next(model.parameters()).device)
    return {"training_s": second["seconds"] * settings.num_epochs, "inference_ms": latency_ms(model, image)}


# --- a study ---------------------------------------------------------------------------------------------------------


def run_study(study, material, jobs=None, cluster=None):
    """Return the runs of a Study, a list of dicts: settings, seed, status, accuracies, history, times, parameters.

    Runs go side by side, one a core (`jobs`), or to the Dask cluster whose scheduler has the address `cluster`; then
    times are measured here, one after the other. What was run before comes from the cache, where every run is put as
    soon as it ends: after an interrupt the same call goes on. In the profile "quick": one seed, one epoch.
    """
    if profile() == "quick":
        quick = tuple(replace(settings, num_epochs=1) for settings in study.settings)
        study, jobs = replace(study, settings=quick, seeds=study.seeds[:1]), 1
    key = material.key()
    path = lambda kind, *task: cache_folder() / "runs" / f"{digest([RUN_VERSION, kind, *task, key])}.json"
    tasks = {path("run", asdict(s), seed): (s, seed) for s in study.settings for seed in study.seeds}
    missing = {place: task for place, task in tasks.items() if _read(place) is None}
    _run_missing(missing, material, f"Runs of {study.name}", jobs, cluster)
    timed = {path("times", asdict(s), machine(TrainConfig())): s for s in study.settings}
    for place, settings in tqdm(timed.items(), desc="Measuring times", unit="network", leave=False, delay=1):
        if _read(place) is None:
            _write(place, measure_times(settings, material))
    times = {settings: _read(place) for place, settings in timed.items()}
    return [_read(place) | times[settings] for place, (settings, _) in tasks.items()]


def _run_missing(missing, material, title, jobs, cluster):
    """Run the tasks {path: (settings, seed)} side by side, and write each when it ends."""
    if not missing:
        return
    num_cores = torch.get_num_threads()
    jobs = jobs or min(num_cores, len(missing))
    threads = max(1, num_cores // jobs)
    work = [joblib.delayed(_numbered)(i, *task, material, threads) for i, task in enumerate(missing.values())]
    places = list(missing)
    with workers(jobs, threads, cluster):
        results = joblib.Parallel(return_as="generator_unordered")(work)
        for index, result in tqdm(results, total=len(work), desc=title, unit="run", leave=False, delay=1):
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


# --- runs -> table ---------------------------------------------------------------------------------------------------


def summarise(runs, varied):
    """Return a table with a row for each of the settings: means over seeds, `..._std` their standard deviations.

    `varied` names the settings to show. Accuracies are shares; a setting with a diverged run has none.
    """
    own = [f.name for f in fields(Settings)]
    accuracies = ["train_accuracy", "held_out_accuracy", "val_accuracy"]
    table = pd.DataFrame([{k: v for k, v in run.items() if k != "history"} for run in runs])
    table = table.reindex(columns=[*own, "seed", "status", *accuracies, "training_s", "inference_ms", "num_parameters"])
    groups = table.groupby(own, sort=False)
    means = groups[accuracies].mean()
    means[groups["status"].agg(lambda status: (status == "diverged").any())] = float("nan")
    columns = {}
    for name in accuracies:
        columns |= {name: means[name], f"{name}_std": groups[name].std()}
    rest = groups[["training_s", "inference_ms", "num_parameters"]].first()
    summary = pd.concat([pd.DataFrame(columns), rest], axis=1).assign(num_seeds=groups["seed"].count())
    return summary.reset_index()[[*varied, *columns, *rest, "num_seeds"]]


def standard_error(accuracy, num_images):
    """Return the standard error of an accuracy measured on so many images: that of a proportion."""
    return (accuracy * (1 - accuracy) / num_images) ** 0.5


def ties_with_best(accuracies, spreads):
    """Return (index of the highest accuracy, indices of those that cannot be told from it).

    Two are a tie if they differ by no more than their spreads together, sqrt(a^2 + b^2). NaN never wins nor ties.
    """
    known = [i for i, accuracy in enumerate(accuracies) if accuracy == accuracy]
    if not known:
        return None, []
    best = max(known, key=lambda i: accuracies[i])
    close = lambda i: accuracies[best] - accuracies[i] <= math.hypot(spreads[best], spreads[i])
    return best, [i for i in known if i != best and close(i)]


def as_shown(table):
    """Return a study's table for reading: "0.572 ± 0.004" for mean and standard deviation, the best marked.

    The best is the one with the highest mean on the held-out images; "tie" marks those within the spread of it.
    """
    names = {"train_accuracy": "training", "held_out_accuracy": "held out", "val_accuracy": "validation"}
    measured = [*names, *(f"{name}_std" for name in names), "training_s", "inference_ms", "num_parameters", "num_seeds"]
    shown = table[[column for column in table if column not in measured]].rename(columns=lambda c: c.replace("_", " "))
    for name, title in names.items():
        shown[title] = [_mean_and_std(*pair) for pair in zip(table[name], table[f"{name}_std"])]
    best, ties = ties_with_best(list(table["held_out_accuracy"]), list(table["held_out_accuracy_std"].fillna(0)))
    shown[""] = ["best" if i == best else "tie" if i in ties else "" for i in range(len(table))]
    shown["training, s"] = table["training_s"].round(1)
    shown["one image, ms"] = table["inference_ms"].round(2)
    shown["parameters"] = [f"{number:,}" for number in table["num_parameters"]]
    return shown.set_axis([""] * len(shown))  # the rows' numbers would say nothing


def _mean_and_std(mean, std):
    if mean != mean:
        return "diverged"
    return f"{mean:.3f}" if std != std else f"{mean:.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{std:.3f}"
