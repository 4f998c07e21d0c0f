"""What comes with the workbook holds on the photographs: trained networks and their accuracies.

Needs SCENES_DIR, which .ci/run sets where the photographs are.
"""

import os

import pytest

from helpers.alexnet_recipes import ALL_RECIPES
from helpers.data import load_folder
from helpers.extra.trained import how_trained, read_shipped, shipped_path, trained
from helpers.results import load_result
from helpers.training import evaluate

PHOTOGRAPHS = os.environ.get("SCENES_DIR")  # before the tests' own fixture takes it away
SHIPPED = ("SimpleNet", "SimpleNetDropout", "AlexNet-last-layer", "EfficientNet-last-layer")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_was_trained_by_its_recipe(name):
    path = shipped_path(name, "15-scene", seed=0)
    recipe = ALL_RECIPES[name]
    assert read_shipped(path, how_trained(name, recipe.config, recipe.build()))
    assert path.stat().st_size < 1e6


@pytest.mark.skipif(not PHOTOGRAPHS, reason="SCENES_DIR does not name the photographs")
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_is_as_accurate_as_its_result_file_states(name, monkeypatch):
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")
    scenes, recipe = load_folder(PHOTOGRAPHS, ALL_RECIPES[name].size), ALL_RECIPES[name]
    _, val, *_ = recipe.prepare(scenes)
    (run,) = [run for run in load_result(name)["runs"] if run["seed"] == 0]
    accuracy = evaluate(trained(name, scenes), val)[1]
    assert accuracy == pytest.approx(run["val_accuracy"], abs=0.006)  # nine images
