"""words -> command: `workbook lab, run, check, report, release, train, ...`; each imports what it needs when called."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from helpers.files import MAKERS, NOTEBOOKS, ROOT, TEACHERS, WorkbookError

app = typer.Typer(
    help="Scene recognition with deep learning: a workbook.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _has(package):
    return (ROOT / "helpers" / package).is_dir()  # student copies are without some


def _refuse_in_a_copy(command, package):
    if not _has(package):
        raise WorkbookError(f"`workbook {command}` needs the complete workbook; this is a student's copy.")


def main():
    """Run the command line; a mistake its user can mend is printed without a traceback."""
    try:
        app()
    except WorkbookError as error:
        sys.exit(f"workbook: {error}")
    except KeyboardInterrupt:
        sys.exit("workbook: stopped.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context):
    """Open JupyterLab at Part 1. Further options go to Jupyter, as in `workbook lab --no-browser`."""
    arguments = [
        *("-m", "jupyterlab", f"--ServerApp.root_dir={NOTEBOOKS.parent}"),
        "--LabApp.default_url=/lab/tree/notebooks/part1_standard_scaler.ipynb",
        # Lab would look for updates and extensions on the network; .jupyter turns its news off.
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        [str(NOTEBOOKS.parent / ".jupyter"), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    )
    os.execv(sys.executable, [sys.executable, *arguments, *context.args])


@app.command()
def run(
    parts: Annotated[list[str] | None, typer.Argument(help="1 to 8, or a notebook's name; all by default.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Write the outputs back into the notebooks.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few epochs on a few images.")] = False,
):
    """Run notebooks without a screen; go on after one that fails, and say which failed and why."""
    from helpers.commands.run import find_notebooks, run_notebooks

    if quick:
        os.environ["WORKBOOK_PROFILE"] = "quick"
    failures = run_notebooks(find_notebooks(parts), save)
    if failures:
        print("\n".join(f"{name} failed: {why}" for name, why in failures.items()), file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def data(
    source: Annotated[Path | None, typer.Option("--from", help="A zip or folder you already have.")] = None,
):
    """Fetch the photographs (92 MB, from the internet) into data/15-scene, or take them from a zip or folder."""
    from helpers.data import load_folder
    from helpers.sources.download import install_scenes

    print(load_folder(install_scenes(source)))


@app.command()
def report(
    output: Annotated[Path, typer.Option("--output", "-o", help="The PDF to write.")] = Path("report.pdf"),
    name: Annotated[str, typer.Option(help="Your name, for the cover.")] = "",
    email: Annotated[str, typer.Option(help="Your address.")] = "",
    id: Annotated[str, typer.Option("--id", help="Your student id.")] = "",
    team: Annotated[str, typer.Option(help="Your team.")] = "",
    title: Annotated[str, typer.Option(help="The report's title.")] = "Scene recognition with deep learning",
    full: Annotated[bool, typer.Option("--full", help="Add every notebook, with its code.")] = False,
    run_first: Annotated[bool, typer.Option("--run", help="Run the notebooks first, and keep their outputs.")] = False,
    folder: Annotated[Path, typer.Option(help="The folder of the notebooks.")] = NOTEBOOKS,
):
    """Write answers, plots and tables of all notebooks into one PDF. Only what is stored in them is printed."""
    from helpers.report.gather import Details, make_report

    if run_first:
        run([], save=True)
    missing, log = make_report(output, Details(title, name, email, id, team), folder, full)
    for sentence in log:
        print(f"note: {sentence}", file=sys.stderr)
    for sentence in missing:
        print(f"missing: {sentence}")
    print(f"{output} is written.")


@app.command()
def check(folder: Annotated[Path, typer.Option(help="The folder of the notebooks.")] = NOTEBOOKS):
    """Run every exercise and its check; print one line each, the points so far, and what is not answered yet."""
    from helpers.exercises.cells import read_notebooks, unanswered
    from helpers.exercises.points import run_exercises

    notebooks = read_notebooks(folder)
    outcomes = run_exercises(notebooks)
    for outcome in outcomes:
        exercise = outcome.exercise
        print(f"{exercise.notebook:24} {exercise.name:26} {outcome.points:>3}/{exercise.points:<3} {outcome.message}")
    possible = sum(outcome.exercise.points for outcome in outcomes)
    print(f"{sum(outcome.points for outcome in outcomes)} of {possible} points.")
    for question in unanswered(notebooks):
        print(f"not answered yet: {question}")


@app.command()
def release(
    out: Annotated[Path, typer.Argument(help="A folder for the student copy and its zip.")] = Path("release"),
    into: Annotated[Path | None, typer.Option(help="A student's folder to bring to this release.")] = None,
):
    """Write student copies: no solutions, no model answers. Refuses if one would leak, or if a master fails."""
    from helpers.exercises.carry_over import carry_over
    from helpers.exercises.cells import read_notebooks

    if has_masters := _has(TEACHERS):
        from helpers.grader import release as course
    elif not into:
        raise WorkbookError("This is a student's copy; releases are made from the complete workbook.")
    if into:
        notebooks = read_notebooks()
        copies = {k: course.student_copy(v) for k, v in notebooks.items()} if has_masters else notebooks
        print("\n".join(carry_over(into, copies)))
        return
    folder, rubric = course.release(out)
    print(rubric.to_string(index=False))
    print(f"{rubric['points'].sum()} points in all. {folder} and {folder}.zip are written.")


@app.command(hidden=not _has(TEACHERS))
def grade(
    submissions: Annotated[Path, typer.Argument(help="A folder with one folder or zip a student or team.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder for grades, feedback and answers.")],
    jobs: Annotated[int | None, typer.Option(help="Submissions at a time; one a core by default.")] = None,
    cluster: Annotated[str | None, typer.Option(help="The address of a Dask scheduler, in place of --jobs.")] = None,
    secret: Annotated[Path | None, typer.Option(help="A file whose text decides the hidden inputs.")] = None,
    seconds: Annotated[float, typer.Option(help="Time for one submission.")] = 60,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="Go on where there is no sandbox.")] = False,
    masters: Annotated[Path, typer.Option(help="The folder of the complete notebooks.")] = NOTEBOOKS,
):
    """Grade a class by nbval, in a sandbox: grades.csv, feedback, answers to read. Goes on where it was stopped."""
    _refuse_in_a_copy("grade", TEACHERS)
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
    print(f"{len(graded)} submissions graded: {output / 'grades.csv'}, and feedback, gradescope, answers beside it.")


@app.command(hidden=not _has(TEACHERS))
def gradescope(
    out: Annotated[Path, typer.Argument(help="The zip to write.")] = Path("autograder.zip"),
    secret: Annotated[Path | None, typer.Option(help="A file whose text decides the hidden inputs.")] = None,
    masters: Annotated[Path, typer.Option(help="The folder of the complete notebooks.")] = NOTEBOOKS,
):
    """Write the zip that Gradescope takes as an autograder. It holds the solutions: upload it nowhere else."""
    _refuse_in_a_copy("gradescope", TEACHERS)
    from secrets import token_hex

    from helpers.grader.gradescope import make_autograder

    print(f"{make_autograder(out, _text_of(secret, '--secret') if secret else token_hex(16), masters)} is written.")


WITHOUT = {
    "user": "the students' code runs as another user, who can reach the network and read what all may read.",
    "none": "the students' code runs as yourself, and can do all that you can.",
}


def _text_of(path, option):
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WorkbookError(f"{path} of {option} cannot be read ({error}). Name a text file.") from error
    if len(text) < 8:
        raise WorkbookError(f"{path} of {option} holds fewer than 8 characters. Write a longer secret there.")
    return text


Network = Annotated[str, typer.Argument(help="SimpleNet, SimpleNetDropout, ...")]


def _seeds(text):
    first, dash, last = text.partition("-")
    if first.isdigit() and (last if dash else first).isdigit() and int(first) <= int(last or first):
        return range(int(first), int(last or first) + 1)
    raise WorkbookError(f'--seeds is "{text}"; name one seed, such as 3, or a range, such as 0-4.')


def _refuse_quick(command):
    from helpers.files import profile

    if profile() == "quick":
        raise WorkbookError(f"`workbook {command}` keeps its results, so it wants all images: unset WORKBOOK_PROFILE.")


@app.command(hidden=not _has(MAKERS))
def tune(network: Network, seeds: Annotated[str, typer.Option(help="One seed or a range.")] = "0-2"):
    """Try the recipe's settings on held-out training images; keep the table in data/results."""
    _refuse_in_a_copy("tune", MAKERS)
    from helpers.data import load_scenes
    from helpers.maker.tune import save_tried, try_settings
    from helpers.trained import ALL_RECIPES, find_recipe

    _refuse_quick("tune")
    name, seeds = find_recipe(network), _seeds(seeds)
    scenes = load_scenes(ALL_RECIPES[name].size)
    table = try_settings(name, scenes, seeds)
    save_tried(scenes.name, name, table)
    print(table.to_string(index=False))


@app.command()
def train(network: Network, seeds: Annotated[str, typer.Option(help="One seed or a range.")] = "0-4"):
    """Train a network by its recipe, once a seed; keep accuracies, times and curves in data/results."""
    from helpers.data import load_scenes
    from helpers.results import save_result, summary
    from helpers.trained import ALL_RECIPES, find_recipe, run_seeds

    _refuse_quick("train")
    name, seeds = find_recipe(network), _seeds(seeds)
    scenes = load_scenes(ALL_RECIPES[name].size)
    for seed in seeds:  # what has ended is kept
        result = save_result(run_seeds(name, scenes, [seed]))
    print(f"{result['model']} on {result['dataset']}, seeds {result['config']['seed']}, {result['machine']}")
    for key in ("train_accuracy", "val_accuracy", "val_accuracy_without_duplicates", "seconds"):
        print(f"{key:>32}: {summary(result, key)}")


@app.command(hidden=not _has(MAKERS))
def pretrain(
    sources: Annotated[list[Path], typer.Argument(help="Folders or tars of class folders of JPEGs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the weights.")],
):
    """Train AlexNet on other pictures and write its weights, under 10 MB; about an hour on two cores."""
    _refuse_in_a_copy("pretrain", MAKERS)
    from helpers.maker.pretraining import pretrain as run_pretraining

    absent = [str(source) for source in sources if not source.exists()]
    if absent:
        raise WorkbookError(f"There is no file or folder {', '.join(absent)}.")
    try:
        history = run_pretraining(sources, output)
    except ValueError as error:
        raise WorkbookError(str(error)) from error
    print(f"{output}: {history[-1]['val_accuracy']:.3f} on held-out images after {len(history)} epochs")


@app.command(hidden=not _has(MAKERS))
def bench(name: Annotated[str, typer.Argument(help="Which benchmark: epoch, alexnet, grading.")] = "epoch"):
    """Measure the workbook against the usual way, both in one run."""
    _refuse_in_a_copy("bench", MAKERS)
    if name == "grading":
        from helpers.grader.bench import bench_grading

        return bench_grading()
    from helpers.maker.bench import run_benchmark

    run_benchmark(name)
