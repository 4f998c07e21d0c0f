"""tasks -> processes: where joblib runs them, on the cores of this machine or on a Dask cluster."""

import contextlib

import joblib

from helpers.files import WorkbookError

CONNECT_S = 10  # seconds to wait for a Dask scheduler


@contextlib.contextmanager
def workers(jobs, threads, cluster):
    """Let joblib use this process, worker processes with `threads` each, or a Dask cluster."""
    if cluster:
        with connect(cluster), joblib.parallel_config("dask"):
            yield
    elif jobs == 1:
        with joblib.parallel_config("sequential"):
            yield
    else:
        with joblib.parallel_config("loky", n_jobs=jobs, inner_max_num_threads=threads):
            yield


def connect(address):
    """Return a Dask client of the scheduler at an address."""
    try:
        from distributed import Client
    except ImportError as error:
        reason = 'A cluster needs Dask: pip install -e ".[cluster]", or leave its address out.'
        raise WorkbookError(reason) from error
    try:
        return Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise WorkbookError(
            f"No Dask scheduler answers at {address}. Name its address, as in "
            "tcp://127.0.0.1:8786, or leave it out to use the cores of this machine."
        ) from error
