"""recipe -> saved result: how each network is trained, what was tried on held-out images, and the runs over seeds."""

import itertools
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path

import joblib
import pandas as pd
import torch
import torchvision

from helpers.alexnet import LAST_LAYER, LAST_TWO_LAYERS, find_weights, fit_head, freeze, make_alexnet
from helpers.augmentation import Augmentation
from helpers.data import Scenes, compute_mean_and_std, fingerprint, halve, hold_out, is_duplicate, normalise, prepare
from helpers.files import RESULTS, WorkbookError, atomic_write, cache_folder, digest
from helpers.finetuning import CROPS, EVERYTHING, INPUT_PX, borrow_conv_layers, fit_everything
from helpers.models import SimpleNet, SimpleNetDropout, latency_ms, num_parameters, size_mb
from helpers.progress import progress
from helpers.training import TrainConfig, choose_device, fit, for_profile, predict

TRAINED_VERSION = 1  # raise it when training changes: networks in the cache are then trained anew
SETTINGS = ("num_epochs", "batch_size", "learning_rate", "weight_decay", "label_smoothing")  # what grids may vary


@dataclass(frozen=True)
class Recipe:
    """A network, how it is trained, and the settings that were tried to find that out."""

    build: Callable  # () -> model
    config: TrainConfig  # the choice; data/results/ has what was tried on held-out images
    grid: dict = field(default_factory=dict)  # what `workbook tune NAME` tries, as {setting: values}
    augment: Callable | None = None
    size: int = 64  # pixels, height and width of the images
    prepare: Callable = prepare  # Scenes -> (train, val) Splits
    fit: Callable = fit  # (model, train, val, config) -> history


def vary(recipe, settings):
    """Return a recipe with other settings: fields of its config, `dropout_rate`, `augmentation` (its strength)."""
    names = {f.name for f in fields(TrainConfig)}
    recipe = replace(recipe, config=replace(recipe.config, **{k: v for k, v in settings.items() if k in names}))
    if "dropout_rate" in settings:
        recipe = replace(recipe, build=partial(SimpleNetDropout, rate=settings["dropout_rate"]))
    if "augmentation" in settings:
        recipe = replace(recipe, augment=recipe.augment.scaled(settings["augmentation"]))
    return recipe


def large_to_learn_from(scenes):
    """Return (train, val) of Scenes, normalised: training images at full size, validation images at half of it."""
    mean, std = compute_mean_and_std(halve(scenes.train).images)
    return normalise(scenes.train, mean, std), normalise(halve(scenes.val), mean, std)


def fit_on_crops(model, train, val, config, augment):
    """Train on crops that `augment` cuts out of `train`, measure on whole images of half the size, as `fit` does."""
    return fit(model, train, val, config, augment, measured=halve(train))


def as_they_are(scenes):
    """Return (train, val) as decoded: AlexNet normalises by the rule of its weights."""
    return scenes.train, scenes.val


def borrowed_alexnet():
    """Return AlexNet with borrowed weights, all frozen but a new last layer."""
    return freeze(make_alexnet(find_weights()), num_trainable=1)


def fit_last_two(model, train, val, config):
    """Train the last layer, then the last two linear layers by `config`; return the history of the second step."""
    fit_head(model, train, val, replace(LAST_LAYER, seed=config.seed))
    return fit_head(freeze(model, num_trainable=2), train, val, config)


ALEXNET = {"size": 224, "prepare": as_they_are}
RECIPES = {
    "SimpleNet": Recipe(
        SimpleNet,
        TrainConfig(num_epochs=12, batch_size=32, learning_rate=4e-3, weight_decay=0.5, label_smoothing=0.2),
        {"batch_size": (32, 128), "weight_decay": (0.05, 0.5, 2.0), "label_smoothing": (0.0, 0.1, 0.2)},
    ),
    "SimpleNetDropout": Recipe(
        partial(SimpleNetDropout, rate=0.1),
        TrainConfig(num_epochs=120, batch_size=64, learning_rate=4e-3, weight_decay=0.6, label_smoothing=0.1),
        {"dropout_rate": (0.1, 0.3), "augmentation": (0.5, 1.0), "num_epochs": (60, 120)},
        Augmentation(output_px=64),
        128,
        large_to_learn_from,
        fit_on_crops,
    ),
    "AlexNet-last-layer": Recipe(
        borrowed_alexnet,
        LAST_LAYER,
        {"num_epochs": (20, 40), "weight_decay": (0.05, 1.0), "label_smoothing": (0.0, 0.1)},
        fit=fit_head,
        **ALEXNET,
    ),
    "AlexNet-last-two": Recipe(
        borrowed_alexnet,
        LAST_TWO_LAYERS,
        {"num_epochs": (5, 10), "label_smoothing": (0.0, 0.1)},
        fit=fit_last_two,
        **ALEXNET,
    ),
    "AlexNet-everything": Recipe(
        lambda: borrow_conv_layers(find_weights()),
        EVERYTHING,
        {"learning_rate": (4e-4, 1e-3)},
        CROPS,
        INPUT_PX,
        as_they_are,
        fit_everything,
    ),
    "AlexNet-random": Recipe(lambda: freeze(make_alexnet(None)), LAST_LAYER, fit=fit_head, **ALEXNET),
}


def find_recipe(name):
    """Return the Recipe of a network by its name, in any case."""
    by_name = {known.lower(): known for known in RECIPES}
    if name.lower() not in by_name:
        raise WorkbookError(f'There is no recipe "{name}". Choose one of {", ".join(RECIPES)}.')
    return by_name[name.lower()]


def run(recipe, train, val, config):
    """Build the network from the config's seed and train it; return (model, history)."""
    torch.manual_seed(config.seed)
    model = recipe.build()
    options = {"augment": recipe.augment} if recipe.augment else {}
    return model, recipe.fit(model, train, val, config, **options)


def trained(name, scenes, seed=0):
    """Return the network trained by its recipe on these Scenes; what was trained before comes from the cache.

    In the profile "quick", a few epochs.
    """
    recipe = RECIPES[name]
    config = for_profile(replace(recipe.config, seed=seed))
    path = weights_path(name, scenes, config)
    torch.manual_seed(seed)
    model = recipe.build()
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True), strict=False)
    else:
        model, _ = run(recipe, *recipe.prepare(scenes), config)
        keep_weights(model, path)
    return model.eval()


def weights_path(name, scenes, config):
    """Return where the weights of a network, trained on these Scenes by this config, are kept."""
    images, augment = fingerprint(scenes.train.images), repr(RECIPES[name].augment)
    key = digest([TRAINED_VERSION, name, asdict(config), augment, images, torch.__version__])
    return cache_folder() / "models" / f"{name}-{key}.pt"


def keep_weights(model, path):
    """Write what has been trained, batch norm's statistics too; what is frozen comes from the borrowed weights."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with atomic_write(path) as temporary:
        torch.save(trained | dict(model.named_buffers()), temporary)


def try_settings(name, scenes, seeds=(0, 1, 2), jobs=-1):
    """Train every setting of the recipe's grid and measure it on 40 held-out training images a class, others each seed.

    Return a table, the best first: a row a setting, with mean and std over seeds. Validation images are not looked at.
    """
    recipe = RECIPES[name]
    settings = [dict(zip(recipe.grid, values)) for values in itertools.product(*recipe.grid.values())]

    def measure(setting, seed):
        torch.set_num_threads(1)
        train, held_out = recipe.prepare(Scenes(scenes.name, *hold_out(scenes.train, 40, seed)))
        varied = vary(recipe, setting | {"seed": seed})
        _, history = run(varied, train, held_out, varied.config)
        shown = {key: getattr(varied.config, key) for key in SETTINGS} | setting
        return shown | {"held_out_accuracy": history[-1]["val_accuracy"]}

    tasks = [joblib.delayed(measure)(setting, seed) for setting in settings for seed in seeds]
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    rows = list(progress(parallel(tasks), total=len(tasks), desc=f"Settings of {name}", unit="run"))
    rows = pd.DataFrame(rows)
    columns = [column for column in rows if column != "held_out_accuracy"]
    table = rows.groupby(columns)["held_out_accuracy"].agg(["mean", "std", "count"])
    return table.sort_values("mean", ascending=False).round(4).reset_index()


def run_seeds(name, scenes, seeds=range(5)):
    """Train the recipe once a seed on all training images; return the result as `save_result` writes it."""
    recipe = RECIPES[name]
    train, val = recipe.prepare(scenes)
    is_new = ~is_duplicate(scenes)
    runs = []
    for seed in progress(seeds, desc=name, unit="seed"):
        start = time.perf_counter()
        config = replace(recipe.config, seed=seed)
        model, history = run(recipe, train, val, config)
        seconds = time.perf_counter() - start
        if seed == 0:
            keep_weights(model, weights_path(name, scenes, config))  # EC3 looks at this one
        images = val.images.to(next(model.parameters()).device)
        is_right = predict(model, images).argmax(dim=1).cpu() == val.labels
        runs.append(
            {
                "seed": seed,
                "train_accuracy": history[-1]["train_accuracy"],
                "val_accuracy": history[-1]["val_accuracy"],
                "val_accuracy_without_duplicates": is_right[is_new].float().mean().item(),
                "seconds": seconds,
                "history": history,
            }
        )
    return {
        "model": name,
        "dataset": scenes.name,
        "num_train": len(train),
        "num_val": len(val),
        "num_duplicates": int((~is_new).sum()),
        "num_parameters": num_parameters(model),
        "size_mb": size_mb(model),
        "latency_ms": latency_ms(model, images[:1]),
        "num_settings_tried": len(load_tried(scenes.name, name)),
        "config": asdict(recipe.config) | {"augment": repr(recipe.augment), "seed": list(seeds)},
        "machine": machine(recipe.config),
        "runs": runs,
    }


def machine(config):
    """Return one line on what ran: device, cores and versions."""
    device = choose_device(config.device)
    chip = torch.cuda.get_device_name() if device.type == "cuda" else f"{torch.get_num_threads()} cores of {cpu_name()}"
    return (
        f"{chip}, Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}"
    )


def cpu_name():
    """Return the name of the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def result_path(dataset, name):
    """Return where the result of a network on a data set is kept."""
    return RESULTS / dataset / f"{name}.json"


def tried_path(dataset, name):
    """Return where the table of the settings tried is kept."""
    return RESULTS / dataset / f"{name}-tried.csv"


def load_tried(dataset, name):
    """Return the table of the settings tried so far, the best first; empty where none were."""
    path = tried_path(dataset, name)
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def save_tried(dataset, name, table):
    """Add a table of `try_settings` to what was tried before; a setting tried again replaces its old row."""
    table = pd.concat([table, load_tried(dataset, name)])
    table = table.drop_duplicates([column for column in table if column not in ("mean", "std", "count")])
    with atomic_write(tried_path(dataset, name)) as temporary:
        table.sort_values("mean", ascending=False).to_csv(temporary, index=False)


def save_result(result):
    """Write a result to data/results/<dataset>/<model>.json and return it with what was there before.

    Runs of other seeds are kept if they had the same recipe; those of another recipe are replaced.
    """
    path = result_path(result["dataset"], result["model"])
    old, new_seeds = load_result(result["model"], result["dataset"]), result["config"]["seed"]
    if old and old["config"] | {"seed": new_seeds} == result["config"] and old["num_train"] == result["num_train"]:
        kept = [run for run in old["runs"] if run["seed"] not in new_seeds]
        result["runs"] = sorted(kept + result["runs"], key=lambda run: run["seed"])
        result["config"]["seed"] = [run["seed"] for run in result["runs"]]
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")
    return result


def load_result(name, dataset="15-scene"):
    """Return the saved result of a network, or None where nobody has run it on this data set."""
    path = result_path(dataset, name)
    return json.loads(path.read_text()) if path.exists() else None


def summary(result, key="val_accuracy"):
    """Return "0.572 ± 0.004": mean and standard deviation over the seeds of a result, or the number of its only one."""
    values = pd.Series([run[key] for run in result["runs"]])
    if len(values) == 1:
        return f"{values[0]:.3f} (one seed)"
    return f"{values.mean():.3f} ± {values.std():.3f}"
