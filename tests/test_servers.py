"""A kernel that is a fork is as alone as one that is a new process, and leaves nothing behind."""

import dataclasses
import os
import re
import signal
import subprocess
import sys

import psutil
import pytest
from test_grading import LOOK, WRONG, needs_bubblewrap, plan_of, scores

from helpers.files import ROOT
from helpers.grader import running, sandbox, servers

pytestmark = pytest.mark.slow  # servers take seconds to import what they offer
# What each looks for and must not find; the visible check shows what it found.
LOOKS = {
    "rights": "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\ndef look():\n"
    "    status = open('/proc/self/status').read().splitlines()\n"
    "    caps = {{int(line.split()[1], 16) for line in status if line.startswith('Cap')}}\n"
    "    file = os.open('/proc/1/ns/mnt', os.O_RDONLY)\n"
    "    calls = libc.setns(file, 0), libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0), libc.chroot(b'/tmp')\n"
    "    return caps, calls, libc.unshare(0x10000000), libc.setgroups(0, 0)",
    "limits": "import os\ndef look():\n    numbers = [n for n in os.listdir('/proc') if n.isdigit()]\n"
    "    return {{line for n in numbers for line in open(f'/proc/{{n}}/status') if line.startswith('Seccomp:')}}",
    "program": "import os\ndef look():\n    try:\n        with open('/proc/self/exe', 'r+b') as file:\n"
    "            file.write(b'0')\n    except OSError as error:\n        return type(error).__name__",
    "mapped": "import os\ndef look():\n    folder, found = '/proc/self/map_files', []\n"
    "    for name in os.listdir(folder):\n        try:\n            found.append(open(f'{{folder}}/{{name}}', 'rb'))\n"
    "        except OSError:\n            pass\n    return found",
    "descriptors": "import os\ndef look():\n    mine, others = set(), set()\n"
    "    for number in range(256):\n        try:\n            mine.add(os.readlink(f'/proc/self/fd/{{number}}'))\n"
    "        except OSError:\n            pass\n"
    "    for n in (1, 2):\n        for fd in os.listdir(f'/proc/{{n}}/fd'):\n"
    "            others.add(os.readlink(f'/proc/{{n}}/fd/{{fd}}'))\n"
    "    files = [name for name in mine if name[0] == '/' and not name.startswith(('/tmp/ipython', '/dev/null'))]\n"
    "    return [name for name in files if '/sockets/' not in name], {{n for n in mine & others if n[0] != '/' and 'anon_inode' not in n}}",
    "server": "import os, socket\nwords = open('/proc/self/cmdline').read().split(chr(0))\ndef look():\n"
    "    address = [word for word in words if word.endswith('kernels')][0]\n"
    "    with socket.socket(socket.AF_UNIX) as s:\n        try:\n            s.connect(address)\n"
    "        except OSError as error:\n            return type(error).__name__, os.path.exists(address[:-8])",
    "relatives": "import os\ndef look():\n    return os.getppid(), os.getsid(0) == os.getpgid(0) == os.getpid(), "
    "[n for n in os.listdir('/proc') if n.isdigit() and int(n) > 3]",
    "memory": "import re\nwords = re.compile(b'WORKBOOK[_]SOCKETS=|a secret[ ]of the tests')\ndef look():\n    found = 0\n"
    "    with open('/proc/self/mem', 'rb', 0) as memory:\n"
    "        for line in list(open('/proc/self/maps')):\n"
    "            start, end = (int(n, 16) for n in line.split()[0].split('-'))\n"
    "            if line.split()[1][:2] == 'rw' and end - start < 2**29:\n                memory.seek(start)\n"
    "                found += len(words.findall(memory.read(end - start)))\n    return found",
    "temporary": "import os, tempfile\ndef look():\n    return os.access(tempfile.gettempdir(), os.W_OK)",
}
FOUND = {
    "rights": r"\(\{0\}, \(-1, -1, -1\), -1, -1\)",
    "limits": r"\{'Seccomp:\\t2\\n'\}",
    "program": "OSError|PermissionError",
    "mapped": r"\[\]$",
    "descriptors": r"\(\[\], set\(\)\)",
    "server": r"\('FileNotFoundError', False\)",
    "relatives": r"\(0, True, \[\]\)",
    "memory": "AssertionError: 0$",
    "temporary": "True",
}
HARM = {
    "all_processes": "import os\nfor n in (-1, 1, 2, *range(4, 70000)):\n    try:\n        os.kill(n, 9)\n"
    "    except OSError:\n        pass\nos.killpg(0, 9)\n" + WRONG,
    "sleeper": "import os\nos.kill(2, 9)\n" + WRONG,
    "kept_awake": "import os\nkept = os.open('/proc/2/fd/0', os.O_WRONLY)\nif not os.fork():\n    while True:\n        pass\n"
    "os._exit(0)\n" + WRONG,
    "planted": "import builtins, gc, json, os, sys, torch\nbuiltins.planted = torch.planted = sys.modules['planted'] = sys\n"
    "os.environ['planted'] = open('/tmp/planted', 'w').name\ntorch.allclose = lambda *a, **k: True\n"
    "json.dumps = lambda *a, **k: 'x'\n" + WRONG,
    "written": "import helpers.files, probes, sys\nfor name in (helpers.files.__file__, probes.__file__, sys.executable):\n"
    "    try:\n        open(name, 'ab')\n    except OSError:\n        pass\n    else:\n        raise SystemExit\n"
    "import launch\n" + WRONG,
}
LEFT = (
    "import builtins, gc, os, sys, torch\ndef look():\n    names = [vars(m) for m in (builtins, torch)]\n"
    "    names += [sys.modules, os.environ, os.listdir('/tmp')]\n"
    "    return ['planted' in n for n in names], any(isinstance(o, str) and o == 'plan' + 'ted' for o in gc.get_objects())"
)


LONG = sandbox.Limits(exercise_seconds=40)  # one reads all of its memory


@pytest.fixture(scope="module")
def forks():
    """Return servers that fork kernels; skip where they cannot."""
    if not sandbox.bubblewrap():
        pytest.skip("bubblewrap is not installed or not allowed")
    remembers = "import tempfile; tempfile.gettempdir()"  # as the notebooks' imports let it
    found = servers.servers_for("bubblewrap", sandbox.LIMITS, (remembers,))
    if not found or not found.forks_kernels:
        pytest.skip("the namespaces of bubblewrap cannot be joined here")
    return found


def graded(sources, limits=sandbox.LIMITS):
    """Return {exercise: Score} of one submission."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        sources = {name: text.format(name=name) for name, text in sources.items()}
        return scores(plan_of(list(sources), monkeypatch, limits), sources)


@pytest.fixture(scope="module")
def outcome(forks):
    """Run all that look, then all that harm, one by one, and look for what is left."""
    found = graded({name: f"{text}\n{LOOK}" for name, text in LOOKS.items()}, LONG)
    for name, text in HARM.items():
        found |= graded({name: text}, sandbox.Limits(exercise_seconds=4))
    honest = {"honest": "def honest(x):\n    return x + x", "left": f"{LEFT}\n{LOOK}"}
    return found | graded(honest)


@pytest.mark.parametrize("name", LOOKS)
def test_a_fork_finds_nothing_of_what_is_outside(name, outcome):
    assert outcome[name].points == 0
    assert re.search(FOUND[name], outcome[name].message), outcome[name].message


@pytest.mark.parametrize("name", HARM)
def test_a_fork_gets_nothing_by_doing_harm(name, outcome):
    assert outcome[name].points == 0 and outcome[name].message != "right"


def test_the_next_submission_finds_nothing_of_the_last_and_gets_its_points(outcome):
    assert outcome["honest"].points == 1, outcome["honest"].message
    assert "([False, False, False, False, False], False)" in outcome["left"].message


def test_where_namespaces_cannot_be_joined_kernels_are_new_processes(forks, monkeypatch):
    usual = dataclasses.replace(forks, forks_kernels=False)
    monkeypatch.setattr(running, "servers_for", lambda *task: usual)
    source = (
        "import os\ndef honest(x):\n    assert os.getppid(), 'this is a fork'\n    return 2 * x"
    )
    found = graded({"honest": source})
    assert found["honest"].points == 1, found["honest"].message


def test_where_a_server_has_gone_kernels_and_pytest_are_new_processes(forks, monkeypatch):
    nowhere = lambda self: self.folder / "nowhere"
    monkeypatch.setattr(servers.Servers, "are_here", lambda self: True)
    monkeypatch.setattr(servers.Servers, "private", property(nowhere))
    source = (
        "import os\ndef honest(x):\n    assert os.getppid(), 'this is a fork'\n    return 2 * x"
    )
    found = graded({"honest": source})
    assert found["honest"].points == 1, found["honest"].message


def test_nobody_can_write_to_the_program_that_forks_run(tmp_path):
    (tmp_path / "program").write_bytes(b"abc")
    with servers.sealed(tmp_path / "program") as file:
        for flags in (os.O_WRONLY, os.O_RDWR):
            again = os.open(f"/proc/self/fd/{file.fileno()}", flags)
            with pytest.raises(PermissionError):
                os.write(again, b"x")
            os.close(again)
        file.seek(0)
        assert file.read() == b"abc"


@needs_bubblewrap
def test_servers_end_and_their_folder_goes_even_when_their_worker_is_killed():
    code = (
        "from helpers.grader.servers import servers_for\nfrom helpers.grader.sandbox import LIMITS\n"
        "print(servers_for('bubblewrap', LIMITS).folder, flush=True)\nimport time\ntime.sleep(99)"
    )
    command, path = [sys.executable, "-c", code], {"PYTHONPATH": str(ROOT)}
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | path)
    folder = worker.stdout.readline().strip()
    below = psutil.Process(worker.pid).children(recursive=True)
    assert len(below) >= 2 and os.path.exists(folder)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    _, alive = psutil.wait_procs(below, timeout=20)
    assert alive == [] and not os.path.exists(folder)
