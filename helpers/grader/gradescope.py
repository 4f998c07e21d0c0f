"""complete workbook -> the zip that Gradescope takes as an autograder: setup.sh, run_autograder,
and what they need.
"""

import shutil
import tempfile
from pathlib import Path

from helpers.exercises.cells import read_notebooks
from helpers.files import NOTEBOOKS, ROOT, WorkbookError, atomic_write

PARTS = ("helpers", "pyproject.toml", "README.md")

SETUP = """#!/usr/bin/env bash
# Gradescope runs this once, as root, when it builds the image.
set -euo pipefail
apt-get update -qq
apt-get install -y -qq bubblewrap python3-pip
pip3 install -q uv || pip3 install -q --break-system-packages uv
export UV_PYTHON_INSTALL_DIR=/opt/python # not under /root: the user nobody runs it
uv venv -q --python 3.12 /opt/workbook
VIRTUAL_ENV=/opt/workbook uv pip install -q --torch-backend=cpu -e /autograder/source
chmod -R go-rwx /autograder/source # nobody but root reads solutions and secret
"""

RUN = """#!/usr/bin/env bash
# Gradescope runs this for each submission, as root.
base="${AUTOGRADER:-/autograder}"
workbook="${WORKBOOK:-/opt/workbook/bin/workbook}"
rm -rf "$base/class" "$base/graded"
mkdir -p "$base/class" "$base/results"
cp -r "$base/submission" "$base/class/submission"
if "$workbook" grade "$base/class" -o "$base/graded" --jobs 1 \\
        --secret "$base/source/secret.txt" --masters "$base/source/notebooks"; then
    cp "$base/graded/gradescope/submission/results.json" "$base/results/results.json"
else
    echo '{"score": 0, "output": "The autograder itself failed. Tell your instructor."}' >"$base/results/results.json"
fi
"""


def make_autograder(out, secret, masters=NOTEBOOKS):
    """Write the zip for Gradescope's "Configure Autograder". Raises WorkbookError for a name that
    is no zip's.
    """
    if Path(out).suffix != ".zip":
        raise WorkbookError(
            f"{out} is not the name of a zip. Name the file to write, as in autograder.zip."
        )
    read_notebooks(masters)  # says in a sentence what is wrong with them
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "autograder"
        shutil.copytree(
            masters, folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints")
        )
        for name in PARTS:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, folder / name)
        for path in [*folder.rglob("__pycache__")]:
            shutil.rmtree(path)
        (folder / "secret.txt").write_text(secret)
        for name, text in (("setup.sh", SETUP), ("run_autograder", RUN)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        archive = shutil.make_archive(str(Path(temporary) / "autograder"), "zip", folder)
        with atomic_write(out) as target:
            shutil.copy2(archive, target)
    return Path(out)
