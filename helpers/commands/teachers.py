"""words -> command, for teachers: release, grade, class and others.

Students' copies do not have these commands.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from helpers.files import NOTEBOOKS, WorkbookError

app = typer.Typer()

Submissions = Annotated[
    Path, typer.Argument(help="A folder with one folder or zip per student or team.")
]
Output = Annotated[
    Path, typer.Option("--output", "-o", help="A folder for grades, feedback and answers.")
]
Secret = Annotated[Path | None, typer.Option(help="A file whose text decides the hidden inputs.")]
Seconds = Annotated[float, typer.Option(help="Time for one submission.")]
Unsafe = Annotated[bool, typer.Option("--unsafe", help="Go on where there is no sandbox.")]
Masters = Annotated[Path, typer.Option(help="The folder of the complete notebooks.")]
Course = Annotated[
    Path | None,
    typer.Option(help="The policy; by default course.toml in or beside the submissions."),
]
Roster = Annotated[
    Path | None, typer.Option(help="A table of folders and the ids of their students.")
]
Item = Annotated[
    str | None, typer.Option(help="The heading of the column of points, as the platform has it.")
]


@app.command()
def release(
    out: Annotated[Path, typer.Argument(help="A folder for the student copy and its zip.")] = Path(
        "release"
    ),
    into: Annotated[
        Path | None, typer.Option(help="A student's folder to bring to this release.")
    ] = None,
    variants: Annotated[
        Path | None, typer.Option(help="A roster: each in it gets numbers of their own, in a zip.")
    ] = None,
    secret: Secret = None,
):
    """Write student copies, without solutions.

    Nor do they hold model answers. Refuses if a copy would leak one, or if a master fails its own
    check.
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
    if variants:
        from helpers.grader.variant_copies import release_variants, students_of

        names, text = students_of(variants), _secret_of_variants(secret)
    folder, rubric = course.release(out)
    print(rubric.to_string(index=False))
    print(f"{rubric['points'].sum()} points in all. {folder} and {folder}.zip are written.")
    if variants:
        zips = release_variants(out, names, text)
        print(f"{len(zips)} zips with numbers of their own: {zips[0].parent}")


@app.command()
def grade(
    submissions: Submissions,
    output: Output,
    jobs: Annotated[
        int | None, typer.Option(help="Submissions at a time; by default one per core.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="The address of a Dask scheduler, in place of --jobs.")
    ] = None,
    secret: Secret = None,
    seconds: Seconds = 60,
    unsafe: Unsafe = False,
    masters: Masters = NOTEBOOKS,
    course: Course = None,
    system: Annotated[
        str | None, typer.Option("--for", help="Write a file for canvas, moodle, blackboard, csv.")
    ] = None,
    roster: Roster = None,
    item: Item = None,
):
    """Grade a class with nbval, in a sandbox.

    Writes grades.csv, feedback and the answers to read. An interrupted run can be resumed.
    """
    from helpers.grader.exports import refuse_export
    from helpers.grader.grading import grade as grade_class

    if system:
        refuse_export(system, roster)  # before the class is graded
    options = _options(secret, seconds, unsafe, masters, course)
    graded = grade_class(submissions, output, jobs=jobs, cluster=cluster, **options)
    for one in graded:
        if one.status != "ok":
            print(f"{one.name}: {one.status}", file=sys.stderr)
    _warn_of_strangers(output, [one.name for one in graded])
    print(
        f"{len(graded)} submissions graded: {output / 'grades.csv'}, and feedback, gradescope, answers beside it."
    )
    if system:
        export(output, system, roster, item)


@app.command()
def regrade(
    name: Annotated[str, typer.Argument(help="A student or team, as in grades.csv.")],
    submissions: Submissions,
    output: Output,
    secret: Secret = None,
    seconds: Seconds = 60,
    unsafe: Unsafe = False,
    masters: Masters = NOTEBOOKS,
    course: Course = None,
):
    """Grade one student again, and log what changed.

    The log is regrades.csv.
    """
    from helpers.grader.regrading import regrade as grade_again

    options = _options(secret, seconds, unsafe, masters, course)
    print("\n".join(grade_again(name, submissions, output, **options)))


@app.command()
def export(
    graded: Annotated[Path, typer.Argument(help="What `workbook grade -o` wrote.")],
    system: Annotated[str, typer.Option("--for", help="canvas, moodle, blackboard or csv.")],
    roster: Roster = None,
    item: Item = None,
):
    """Write the grades for Canvas, Moodle or Blackboard.

    Nothing is graded again. The file lies beside grades.csv.
    """
    from helpers.grader.exports import export as write_export

    path, said = write_export(graded, system, roster, item)
    for sentence in said:
        print(f"note: {sentence}", file=sys.stderr)
    print(f"{path} is written.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def desk(
    context: typer.Context,
    graded: Annotated[Path, typer.Argument(help="The folder that `workbook grade` wrote.")],
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Write the notebook, and open nothing.")
    ] = False,
):
    """Read the answers in Lab, side by side, by keyboard.

    Writes graded/desk.ipynb, and opens it. Further options go to Jupyter.
    """
    from helpers.commands.lab import open_lab
    from helpers.grader.desk_panel import write_notebook

    notebook = write_notebook(graded)
    print(f"{notebook} is written. Its cell opens the desk: Shift+Enter.")
    if not no_open:
        open_lab(graded.absolute(), f"doc/tree/{notebook.name}", context.args)


@app.command("class")
def class_page(
    graded: Annotated[Path, typer.Argument(help="The folder that `workbook grade` wrote.")],
    submissions: Annotated[
        Path | None, typer.Argument(help="The folder of submissions, to look for pairs, too.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page; by default GRADED/class.html.")
    ] = None,
    masters: Annotated[
        Path, typer.Option(help="The folder of the complete notebooks.")
    ] = NOTEBOOKS,
):
    """Write one page on the class.

    Totals, mistakes, answers to read, every student. With SUBMISSIONS, similar.html beside it lists pairs whose rare code or words agree.
    """
    from helpers.grader.class_page import write_class_page
    from helpers.grader.similar_page import write_similar_page

    page = output or graded / "class.html"
    similar = page.with_name("similar.html")
    if submissions:
        num_code, num_answers = write_similar_page(submissions, similar, masters)
        print(f"{similar} is written: {num_code} pairs of code, {num_answers} of answers, to read.")
    write_class_page(graded, page, similar.name if similar.exists() else None)
    print(f"{page} is written.")


@app.command("know-mistakes")
def know_mistakes(
    masters: Annotated[
        Path, typer.Option(help="The folder of the complete notebooks.")
    ] = NOTEBOOKS,
):
    """Write the table by which checks know mistakes.

    After a change to a check, an exercise or helpers/grader/mistakes. Refuses mistakes that a check
    accepts, or cannot tell apart.
    """
    from helpers.exercises.cells import read_notebooks
    from helpers.grader.mistakes.table import write_table
    from helpers.grader.scoring import make_plan

    marks, sentences = write_table(make_plan(read_notebooks(masters), ""))
    print(f"{sentences} sentences on mistakes, recognised by {marks} marks, are written.")


@app.command()
def gradescope(
    out: Annotated[Path, typer.Argument(help="The zip to write.")] = Path("autograder.zip"),
    secret: Secret = None,
    masters: Masters = NOTEBOOKS,
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


def _options(secret, seconds, unsafe, masters, course):
    """Return the options of grading, after a warning where there is no sandbox."""
    from dataclasses import replace

    from helpers.grader.sandbox import LIMITS, find_sandbox

    if (sandbox := find_sandbox(unsafe)) != "bubblewrap":
        print(f"warning: no bubblewrap here; {WITHOUT[sandbox]}", file=sys.stderr)
    return {
        "masters": masters,
        "secret": _text_of(secret, "--secret") if secret else None,
        "limits": replace(LIMITS, seconds=seconds),
        "unsafe": unsafe,
        "course": course,
    }


def _warn_of_strangers(output, names):
    """Print a warning for each extension of a student who handed in nothing: a slip, perhaps."""
    import difflib
    import json

    policy = json.loads((output / "course.json").read_text())["policy"] or {"extensions": {}}
    for student in policy["extensions"]:
        if student not in names:
            near = difflib.get_close_matches(student, names, 1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            print(
                f'warning: an extension is for "{student}", who handed in nothing.{hint}',
                file=sys.stderr,
            )


def _secret_of_variants(secret):
    """Return the text of the secret, which has to be there: grading needs the same one."""
    if not secret:
        raise WorkbookError(
            "Variants are drawn from a secret, and grading needs the same one. Write any text into a file, and name "
            "it: --secret FILE."
        )
    return _text_of(secret, "--secret")


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
