"""AlexNet with nothing frozen: crops, answers averaged over mirror images, every layer learns."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch import nn

from helpers.alexnet import make_alexnet
from helpers.crops import Crops
from helpers.data import Split
from helpers.finetuning import (
    EVERYTHING,
    BothWays,
    borrow_conv_layers,
    fit_everything,
    set_batch_norm,
)
from helpers.models import SimpleNet, num_parameters
from helpers.sources.weights import Weights
from helpers.training import Options, TrainConfig, fit, predict

CONFIG = replace(EVERYTHING, num_epochs=3, batch_size=15, device="cpu")
CROPS = Crops(sides_px=(64,))


@cache
def weights():
    torch.manual_seed(0)
    return Weights(make_alexnet(num_classes=16).state_dict(), 64, (0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def images():
    return torch.randint(
        0, 256, (30, 1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )


@pytest.fixture
def model():
    torch.manual_seed(1)
    return borrow_conv_layers(weights())


def test_an_image_and_its_mirror_image_get_the_same_answer(model, images):
    torch.testing.assert_close(
        predict(model, images), predict(model, images.flip(-1)), rtol=1e-2, atol=1e-2
    )
    assert not torch.allclose(
        predict(model.network, images), predict(model.network, images.flip(-1)), atol=1e-2
    )


def test_in_training_an_image_is_looked_at_once():
    class Counting(nn.Module):
        calls = 0

        def forward(self, images):
            self.calls += 1
            return images.mean((1, 2, 3))[:, None]

    both, images = BothWays(Counting()), torch.zeros(2, 1, 4, 4)
    both.train()(images)
    assert both.network.calls == 1
    both.eval()(images)
    assert both.network.calls == 3


def test_crops_have_the_size_asked_for_and_differ_between_images():
    torch.manual_seed(0)
    # The image is dark on the left and light on the right.
    image = torch.arange(256).repeat(256, 1).to(torch.uint8)[None, None]
    crops = Crops(sides_px=(48,), contrast=0.0, brightness=0.0)(image.repeat(20, 1, 1, 1))
    assert crops.shape == (20, 1, 48, 48) and crops.min() >= 0 and crops.max() <= 255
    slopes = (crops[:, 0, 0, -1] - crops[:, 0, 0, 0]).sign()
    assert 0 < (slopes < 0).sum() < 20, "some are mirrored, some are not"
    assert crops.mean(dim=(1, 2, 3)).unique().numel() > 10


def test_batches_of_crops_come_in_all_sizes():
    torch.manual_seed(0)
    sides = {
        Crops(sides_px=(32, 48))(torch.zeros(2, 1, 64, 64, dtype=torch.uint8)).shape[-1]
        for _ in range(20)
    }
    assert sides == {32, 48}


def test_crops_keep_their_own_size_in_the_network(model):
    assert model.network.prepare(torch.zeros(2, 1, 48, 48)).shape == (2, 3, 48, 48)
    assert model.network.prepare(torch.zeros(2, 1, 48, 48, dtype=torch.uint8)).shape == (
        2,
        3,
        256,
        256,
    )


def test_batch_norm_is_put_back_without_changing_what_the_network_says(model, images):
    model.network.input_px = 64
    before = predict(model.network, images)
    assert not torch.allclose(before, before[:1], rtol=1e-3)
    set_batch_norm(model.network, images)
    torch.testing.assert_close(predict(model.network, images), before, rtol=1e-3, atol=1e-3)
    norms = [layer for layer in model.network.features if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 5 and all(norm.running_var.std() > 0 for norm in norms)


def test_the_conv_layers_are_the_borrowed_ones_and_the_big_linear_layers_stay_behind(model):
    convolutions = [layer for layer in model.network.features if isinstance(layer, nn.Conv2d)]
    assert torch.equal(convolutions[0].weight, weights().state_dict["features.0.weight"])
    assert num_parameters(model) == 2_469_696 + 2 * 1_152 + 15 * 9_217


def test_every_layer_learns(model, images):
    split = Split(images, torch.arange(30) % 15)
    before = {name: p.clone() for name, p in model.network.named_parameters()}
    model.network.input_px = 64
    history = fit_everything(model, split, split, CONFIG, CROPS)
    assert [row["epoch"] for row in history] == [0, 3], "it is also evaluated before it is trained"
    for name, p in model.network.named_parameters():
        assert not torch.equal(p, before[name]), name
    is_right = predict(model, images).argmax(dim=1) == split.labels
    assert is_right.float().mean() == pytest.approx(history[-1]["val_accuracy"], abs=0.04)


def test_measuring_less_often_trains_the_same(images):
    split = Split(images.float() / 255, torch.arange(30) % 15)
    config, histories = TrainConfig(num_epochs=5, batch_size=10), []
    for evaluate_every in (1, 2):
        torch.manual_seed(0)
        histories.append(
            fit(SimpleNet(), split, split, config, options=Options(evaluate_every=evaluate_every))
        )
    often, seldom = histories
    assert [row["epoch"] for row in seldom] == [2, 4, 5]
    assert [row["train_loss"] for row in seldom] == [often[i]["train_loss"] for i in (1, 3, 4)]
