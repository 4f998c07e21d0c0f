"""Fixtures: a small folder of pictures in the course's layout, and a cache of the test's own."""

import sys

import forked_kernels
import numpy as np
import pytest
from PIL import Image

from helpers.sources.mini_scenes import CLASS_NAMES


def pytest_configure(config):
    """Let nbval's kernels be forks, here and in pytest's workers, where notebooks are tested."""
    if sys.platform == "linux" and any("notebooks" in place for place in config.args):
        config.option.nbval_current_env = False
        config.option.nbval_kernel_name = forked_kernels.NAME
        if not hasattr(config, "workerinput"):
            config.add_cleanup(forked_kernels.start())


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Give each test a cache folder of its own, and no photographs."""
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SCENES_DIR", raising=False)


def write_pictures(folder, num_images, seed):
    """Write `num_images` small grey JPEGs, image_0001.jpg onwards."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for number in range(1, num_images + 1):
        pixels = generator.integers(0, 256, (20, 24), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"image_{number:04d}.jpg")


@pytest.fixture
def scenes_folder(tmp_path):
    """Return a folder with train/ and test/: three training and two test pictures per class."""
    folder = tmp_path / "scenes"
    for label, name in enumerate(CLASS_NAMES):
        write_pictures(folder / "train" / name, 3, label)
        write_pictures(folder / "test" / name, 2, 100 + label)
    return folder
