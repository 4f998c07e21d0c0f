"""settings tried -> table: what `workbook tune` has saved."""

import pandas as pd

from helpers.files import RESULTS


def tried_path(dataset, name):
    """Return the file with the table of the settings tried."""
    return RESULTS / dataset / f"{name}-tried.csv"


def load_tried(dataset, name):
    """Return the table of the settings tried so far, the best first; empty where none were."""
    path = tried_path(dataset, name)
    return pd.read_csv(path) if path.exists() else pd.DataFrame()
