"""runs -> table: means over seeds, and what cannot be told apart."""

from dataclasses import fields

import pandas as pd

from helpers.extra.settings import Settings
from helpers.extra.ties import ties_with_best


def summarise(runs, varied):
    """Return a table with a row for each of the settings, averaged over seeds.

    Columns `..._std` are standard deviations over seeds. `varied` names the settings to show.
    Accuracies are shares; a setting with a diverged run has none.
    """
    own = [f.name for f in fields(Settings)]
    accuracies = ["train_accuracy", "held_out_accuracy", "val_accuracy"]
    table = pd.DataFrame([{k: v for k, v in run.items() if k != "history"} for run in runs])
    table = table.reindex(
        columns=[
            *own,
            "seed",
            "status",
            *accuracies,
            "training_s",
            "inference_ms",
            "num_parameters",
        ]
    )
    groups = table.groupby(own, sort=False)
    means = groups[accuracies].mean()
    means[groups["status"].agg(lambda status: (status == "diverged").any())] = float("nan")
    columns = {}
    for name in accuracies:
        columns |= {name: means[name], f"{name}_std": groups[name].std()}
    rest = groups[["training_s", "inference_ms", "num_parameters"]].first()
    summary = pd.concat([pd.DataFrame(columns), rest], axis=1).assign(
        num_seeds=groups["seed"].count()
    )
    return summary.reset_index()[[*varied, *columns, *rest, "num_seeds"]]


def as_shown(table):
    """Return a study's table for reading: "0.572 ± 0.004" is mean and standard deviation.

    "best" marks the highest mean on the held-out images; "tie" marks those within the spread of it.
    """
    names = {
        "train_accuracy": "training",
        "held_out_accuracy": "held out",
        "val_accuracy": "validation",
    }
    measured = [
        *names,
        *(f"{name}_std" for name in names),
        "training_s",
        "inference_ms",
        "num_parameters",
        "num_seeds",
    ]
    shown = table[[column for column in table if column not in measured]].rename(
        columns=lambda c: c.replace("_", " ")
    )
    for name, title in names.items():
        shown[title] = [_mean_and_std(*pair) for pair in zip(table[name], table[f"{name}_std"])]
    best, ties = ties_with_best(
        list(table["held_out_accuracy"]), list(table["held_out_accuracy_std"].fillna(0))
    )
    shown[""] = ["best" if i == best else "tie" if i in ties else "" for i in range(len(table))]
    shown["training, s"] = table["training_s"].round(1)
    shown["one image, ms"] = table["inference_ms"].round(2)
    shown["parameters"] = [f"{number:,}" for number in table["num_parameters"]]
    return shown.set_axis([""] * len(shown))  # the rows' numbers would say nothing


def _mean_and_std(mean, std):
    if mean != mean:
        return "diverged"
    return (
        f"{mean:.3f}" if std != std else f"{mean:.3f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{std:.3f}"
    )
