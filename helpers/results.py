"""data/results -> numbers: what `workbook train` and `workbook tune` have saved."""

import json
import statistics

from helpers.files import RESULTS


def result_path(dataset, name):
    """Return the file with the result of a network on a data set."""
    return RESULTS / dataset / f"{name}.json"


def load_result(name, dataset="15-scene"):
    """Return the saved result of a network on a data set, None if there is none."""
    path = result_path(dataset, name)
    return json.loads(path.read_text()) if path.exists() else None


def summary(result, key="val_accuracy"):
    """Return "0.572 ± 0.004": mean and standard deviation over the seeds of a result."""
    values = [run[key] for run in result["runs"]]
    if len(values) == 1:
        return f"{values[0]:.3f} (one seed)"
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"
