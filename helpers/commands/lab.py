"""a notebook -> JupyterLab, which opens it."""

import os
import sys

from helpers.files import ROOT


def open_lab(folder, address, arguments=()):
    """Turn this process into a JupyterLab that serves `folder` and opens at `address`.

    `arguments` go to Jupyter.
    """
    own = [
        *("-m", "jupyterlab", f"--ServerApp.root_dir={folder}"),
        f"--LabApp.default_url=/{address}",
        # Lab would look for updates and extensions on the network; .jupyter turns its news off.
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        # Language servers are not used here; .jupyter turns off more. It opens half a second sooner.
        "--ServerApp.jpserver_extensions={'jupyter_lsp': False}",
    ]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(
        [str(ROOT / ".jupyter"), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])]
    )
    os.execv(sys.executable, [sys.executable, *own, *arguments])
