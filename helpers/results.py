"""data/results -> numbers: what `workbook train` and `workbook tune` have saved."""

import json
import statistics

from helpers.files import DATA, RESULTS

MY_RUNS = DATA / "my_runs"  # trained here: apart from what comes with the workbook


def result_path(dataset, name, is_shipped=True):
    """Return the file with the result of a network on a data set: the workbook's, or your own."""
    return (RESULTS if is_shipped else MY_RUNS) / dataset / f"{name}.json"


def load_result(name, dataset="15-scene"):
    """Return the saved result of a network, the workbook's or else your own; None without one."""
    paths = [result_path(dataset, name, is_shipped) for is_shipped in (True, False)]
    return next((json.loads(path.read_text()) for path in paths if path.exists()), None)


def summary(result, key="val_accuracy"):
    """Return "0.572 ± 0.004": mean and standard deviation over the seeds of a result."""
    values = [run[key] for run in result["runs"]]
    if len(values) == 1:
        return f"{values[0]:.3f} (one seed)"
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"
