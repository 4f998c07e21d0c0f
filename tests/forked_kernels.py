"""kernel -> a fork of a process that has imported what notebooks import: seconds less per notebook.

pytest starts one such process. Jupyter finds a kernel named "forked", which asks it for a fork.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve()
IMPORTS = """
import ipykernel.ipkernel, ipywidgets, matplotlib.pyplot, matplotlib_inline.backend_inline, nbformat
import pandas, scipy.stats, seaborn, sklearn.manifold, sklearn.metrics, sklearn.preprocessing
import torch, torchvision, torch._dynamo, torch.ao.quantization
"""  # no helpers: some kernels take those of a copy
NAME = "forked"
PATIENCE_S = 60  # for the imports, on a busy machine


def start():
    """Start the process that forks, and let Jupyter find it; return a function that ends it."""
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    kernel = folder / "kernels" / NAME / "kernel.json"
    kernel.parent.mkdir(parents=True)
    address = str(folder / "socket")
    argv = [sys.executable, "-S", str(HERE), address, "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    os.environ["JUPYTER_PATH"] = str(folder)
    asleep, awake = os.pipe()
    with os.fdopen(asleep) as stdin:
        command = [sys.executable, str(HERE), address]
        subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL)

    def stop():
        os.close(awake)
        shutil.rmtree(folder, ignore_errors=True)

    return stop


def ask_for_kernel(address, connection_file):
    """Be what Jupyter takes for the kernel: pass signals on to it, and end when it does."""
    outlet, inlet = os.pipe()
    asleep, awake = os.pipe()
    request = {"file": connection_file, "environment": dict(os.environ), "folder": os.getcwd()}
    deadline = time.monotonic() + PATIENCE_S
    while not os.path.exists(address) and time.monotonic() < deadline:
        time.sleep(0.1)
    forking.ask(address, request, [0, 1, 2, inlet, asleep])
    os.close(inlet)
    pid = int(os.read(outlet, 20))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os.kill(pid, number))
    os.read(outlet, 1)  # nothing more comes, until the kernel ends
    os.close(awake)


def be_kernel(request, files):
    """Be an IPython kernel, in a fork, until it is told to end or whoever asked for it is gone."""
    *streams, said, asleep = files
    for target, file in enumerate(streams):
        os.dup2(file, target)
    os.write(said, b"%d" % os.getpid())
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:2] = ["", *filter(None, places)]
    for name in [name for name in sys.modules if name.split(".")[0] == "helpers"]:
        del sys.modules[name]

    def watch():
        os.read(asleep, 1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    from ipykernel.kernelapp import IPKernelApp

    IPKernelApp.launch_instance(argv=["-f", request["file"]])


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))
    from helpers.grader import forking

    if len(sys.argv) == 3:
        ask_for_kernel(*sys.argv[1:])
    else:
        exec(IMPORTS)
        forking.serve(sys.argv[1], be_kernel)
