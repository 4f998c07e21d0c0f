"""words -> command: `workbook lab, run, check, report, train, ...`.

Each command imports what it needs when it is called.
"""

import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from helpers.commands.options import Network, read_seeds, refuse_quick, wrapped
from helpers.files import NOTEBOOKS, ROOT, WorkbookError

app = typer.Typer(
    help="Scene recognition with deep learning: a workbook.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main():
    """Run the command line; an error the user can fix is printed without a traceback."""
    try:
        app()
    except WorkbookError as error:
        sys.exit(wrapped(f"workbook: {error}"))
    except OSError as error:
        if not error.filename:
            raise
        name = re.sub(r"\.([^/]*)\.\d+\.\d+\.tmp$", r"\1", error.filename)  # see atomic_write
        why = f"{name} cannot be used ({error.strerror}). Name another file or folder."
        sys.exit(wrapped(f"workbook: {why}"))
    except KeyboardInterrupt:
        sys.exit("workbook: stopped.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context):
    """Open JupyterLab at Part 1.

    Further options go to Jupyter, as in `workbook lab --no-browser`.
    """
    from helpers.commands.lab import open_lab

    open_lab(ROOT, "lab/tree/notebooks/part1_standard_scaler.ipynb", context.args)


@app.command("run")
def run_parts(
    parts: Annotated[
        list[str] | None, typer.Argument(help="1 to 8, or a notebook's name; all by default.")
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Write the outputs back into the notebooks.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few epochs on a few images.")] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Notebooks at a time; by default what fits.")
    ] = None,
):
    """Run notebooks without a browser.

    One failure never stops the rest.
    """
    from helpers.commands.run import find_notebooks, run_notebooks

    if quick:
        os.environ["WORKBOOK_PROFILE"] = "quick"
    failures = run_notebooks(find_notebooks(parts), save, jobs)
    if failures:
        for name, why in failures.items():
            print(wrapped(f"{name} failed: {why}"), file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def data(
    source: Annotated[
        Path | None, typer.Option("--from", help="A zip or folder you already have.")
    ] = None,
):
    """Put the photographs into data/15-scene.

    They are downloaded (92 MB), or come from a zip or folder that you have.
    """
    from helpers.data import load_folder
    from helpers.sources.download import install_scenes

    print(load_folder(install_scenes(source)))


@app.command()
def report(
    output: Annotated[Path, typer.Option("--output", "-o", help="The PDF to write.")] = Path(
        "report.pdf"
    ),
    name: Annotated[str, typer.Option(help="Your name, for the cover.")] = "",
    email: Annotated[str, typer.Option(help="Your address.")] = "",
    id: Annotated[str, typer.Option("--id", help="Your student id.")] = "",
    team: Annotated[str, typer.Option(help="Your team.")] = "",
    title: Annotated[
        str, typer.Option(help="The report's title.")
    ] = "Scene recognition with deep learning",
    full: Annotated[
        bool, typer.Option("--full", help="Add every notebook, with its code.")
    ] = False,
    with_predictions: Annotated[
        bool, typer.Option("--with-predictions", help="Add a page of your predictions.")
    ] = False,
    run_first: Annotated[
        bool, typer.Option("--run", help="Run the notebooks first, and keep their outputs.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="The folder of the notebooks.")] = NOTEBOOKS,
):
    """Write answers, plots and tables into one PDF.

    Only what is stored in the notebooks is printed.
    """
    from helpers.report.gather import Details, make_report

    if run_first:
        run_parts([], save=True)
    missing, log = make_report(
        output, Details(title, name, email, id, team), folder, full, with_predictions
    )
    for sentence in log:
        print(wrapped(f"note: {sentence}"), file=sys.stderr)
    for sentence in missing:
        print(f"missing: {sentence}")
    print(f"{output} is written.")


@app.command()
def check(folder: Annotated[Path, typer.Option(help="The folder of the notebooks.")] = NOTEBOOKS):
    """Check every exercise, and count the points.

    Prints one line per exercise, the points so far, and what is not answered yet. A check sees all
    of an exercise or nothing; grading also gives points for a part, by the criteria that are named.
    """
    from helpers.exercises import hints
    from helpers.exercises.cells import read_notebooks, unanswered
    from helpers.exercises.points import run_exercises

    notebooks = read_notebooks(folder)
    outcomes = run_exercises(notebooks)
    for outcome in outcomes:
        exercise = outcome.exercise
        parts = f" [{exercise.rubric}]" if exercise.rubric and not outcome.is_right else ""
        print(
            f"{exercise.notebook:24} {exercise.name:26} {outcome.points:>3}/{exercise.points:<3} {outcome.message}{parts}{hints.in_words(exercise.name)}"
        )
    possible = sum(outcome.exercise.points for outcome in outcomes)
    print(f"{sum(outcome.points for outcome in outcomes)} of {possible} points.")
    for question in unanswered(notebooks):
        print(f"not answered yet: {question}")


@app.command()
def train(
    network: Network, seeds: Annotated[str, typer.Option(help="One seed or a range.")] = "0-4"
):
    """Train a network by its recipe, once per seed.

    Accuracies, times and curves are saved in data/my_runs.
    """
    refuse_quick("train")
    from helpers.alexnet_recipes import ALL_RECIPES, find_recipe
    from helpers.commands.train import run_seeds, save_result
    from helpers.data import load_scenes
    from helpers.results import load_result, summary

    name, seeds = find_recipe(network), read_seeds(seeds)
    scenes = load_scenes(ALL_RECIPES[name].size)
    for seed in seeds:  # saves each result as soon as it is there
        result = save_result(run_seeds(name, scenes, [seed]))
    print(
        f"{result['model']} on {result['dataset']}, seeds {result['config']['seed']}, {result['machine']}"
    )
    for key in ("train_accuracy", "val_accuracy", "val_accuracy_without_duplicates", "seconds"):
        print(f"{key:>32}: {summary(result, key)}")
    shipped = load_result(name, scenes.name)
    if shipped != result:
        seeds, accuracy = shipped["config"]["seed"], summary(shipped)
        print(f"The workbook's own runs, seeds {seeds}: validation accuracy {accuracy}")


@app.command()
def update(
    older: Annotated[Path, typer.Argument(help="The folder of your older copy.")],
):
    """Take your answers from an older copy into this one.

    Exercises, answers and predictions are taken. This copy's earlier notebooks are kept in before/.
    """
    from helpers.exercises.carry_over import carry_over
    from helpers.exercises.cells import read_notebooks
    from helpers.predictions.store import take_over

    print("\n".join(carry_over(ROOT, read_notebooks(), read_notebooks(older / "notebooks"))))
    take_over(older)


for tools in ("teachers", "makers"):  # absent in students' copies
    if importlib.util.find_spec(f"helpers.commands.{tools}"):
        app.add_typer(importlib.import_module(f"helpers.commands.{tools}").app)
