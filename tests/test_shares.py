"""Accuracy against the share of the training images: what is drawn, trained and kept."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from helpers.alexnet_recipes import ALL_RECIPES
from helpers.data import Scenes, Split
from helpers.maker import shares
from helpers.training import TrainConfig


@pytest.fixture
def split():
    images = torch.arange(60).view(-1, 1, 1, 1).expand(-1, 1, 64, 64).to(torch.uint8)
    return Split(images, torch.arange(60) % 3)


def test_a_share_has_every_class_and_a_larger_one_holds_it(split):
    tenth, quarter = (shares.take_share(split, share, seed=1) for share in (0.1, 0.25))
    assert tenth.labels.bincount().tolist() == [2] * 3
    assert quarter.labels.bincount().tolist() == [5] * 3
    first, second = (set(part.images[:, 0, 0, 0].tolist()) for part in (tenth, quarter))
    assert first < second
    another = shares.take_share(split, 0.1, seed=2)
    assert first != set(another.images[:, 0, 0, 0].tolist())


def test_few_images_are_shown_more_often():
    config = TrainConfig(num_epochs=12)
    assert [shares.patient(config, share).num_epochs for share in (0.1, 0.75, 1)] == [24, 16, 12]


def test_what_was_measured_is_kept_and_not_measured_again(split, monkeypatch, tmp_path):
    monkeypatch.setattr(shares, "RESULTS", tmp_path)
    monkeypatch.setattr(shares, "load_scenes", lambda size: Scenes("test", split, split))
    quick = replace(ALL_RECIPES["SimpleNet"].config, num_epochs=1, device="cpu")
    monkeypatch.setitem(ALL_RECIPES, "SimpleNet", replace(ALL_RECIPES["SimpleNet"], config=quick))
    table = shares.measure_shares("test", ["SimpleNet"], draws=[0], jobs=1)
    assert table["share"].tolist() == list(shares.SHARES)
    assert table["num_images"].tolist() == [6, 15, 30, 60]
    kept = pd.read_csv(shares.shares_path("test"))[1:].assign(val_accuracy=0.5)
    kept.to_csv(shares.shares_path("test"), index=False)
    again = shares.measure_shares("test", ["SimpleNet"], draws=[0], jobs=1)
    assert again["val_accuracy"].tolist()[1:] == [0.5] * 3 and len(again) == 4
