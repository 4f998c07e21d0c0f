"""Pretraining on noise: folded, factorised, interrupted and read back, the network is the same."""

import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.models import alexnet

from helpers import crops
from helpers.maker import folding, pretraining
from helpers.maker.pretraining import PretrainConfig, Stage, build_network, pretrain
from helpers.sources.pictures import load_class_folders
from helpers.sources.small_weights import load_small_alexnet, to_torchvision

TINY = PretrainConfig(
    stages=(Stage(1, 64, 0.5), Stage(1, 72, 0.5)), image_px=72, rank=4, batch_size=8, num_held_out=4,
    num_directions=4, device="cpu",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two data sets of two classes, five images each; the classes differ in brightness."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for number, name in enumerate(["a/dark", "a/grey", "b/light", "b/white"]):
        (root / name).mkdir(parents=True)
        for image in range(5):
            pixels = rng.integers(0, 60, (40, 50)) + 60 * number
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{image}.jpg")
    return root


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    """Return (weights file, history) of one whole tiny run."""
    output = tmp_path_factory.mktemp("weights") / "small.pt"
    return output, pretrain(folder, output, TINY, about={"licence": "noise is free"})


@pytest.fixture(scope="module")
def network():
    """A network whose batch norm has seen some images, so that folding has something to do."""
    torch.manual_seed(0)
    network = build_network(num_classes=3, config=TINY)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, 1, 64, 64) * 2 + 1)
    return network.eval()


def as_torchvision(weights):
    plain = alexnet(num_classes=len(weights["classifier.6.bias"]))
    plain.load_state_dict(to_torchvision(weights))
    return plain.eval()


def test_folders_and_tars_give_the_same_images(folder, tmp_path):
    tars = []
    for name in ("b", "a"):
        tars.append(tmp_path / f"{name}.tar")
        with tarfile.open(tars[-1], "w") as tar:
            tar.add(folder / name, arcname=name)
    from_folder, from_tars = load_class_folders([folder], 72), load_class_folders(tars, 72)
    assert from_folder[2] == from_tars[2] == ["dark", "grey", "light", "white"]
    assert torch.equal(from_folder[0], from_tars[0]) and torch.equal(from_folder[1], from_tars[1])
    assert from_folder[0].shape == (20, 1, 72, 72) and from_folder[0].dtype == torch.uint8


def test_an_empty_source_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=str(tmp_path)):
        load_class_folders([tmp_path], 72)


def test_grey_statistics_are_those_of_the_pixels():
    images = torch.randint(0, 256, (5, 1, 9, 9), dtype=torch.uint8)
    pixels = images.double() / 255
    expected = (pixels.mean().item(), pixels.std(correction=0).item())
    assert pretraining.grey_statistics(images) == pytest.approx(expected)


def test_a_crop_of_the_whole_image_is_the_image_or_its_mirror_image(monkeypatch):
    monkeypatch.setattr(crops.math, "log", lambda _: 0.0)  # square boxes
    images = torch.rand(16, 1, 24, 24)
    cut = crops.random_crops(images, 24, 1.0)
    same = [torch.allclose(crop, image, atol=1e-5) for crop, image in zip(cut, images)]
    mirrored = [torch.allclose(crop, image.flip(-1), atol=1e-5) for crop, image in zip(cut, images)]
    assert all(a or b for a, b in zip(same, mirrored)) and any(same) and any(mirrored)


def test_every_image_has_its_own_draw():
    images = torch.rand(1, 1, 24, 24).expand(8, -1, -1, -1)
    cut = crops.random_crops(images, 16, 0.3)
    jittered = pretraining.jitter(images, TINY)
    assert all(not torch.equal(cut[0], crop) for crop in cut[1:])
    assert all(not torch.equal(jittered[0], image) for image in jittered[1:])


def test_folding_batch_norm_changes_no_output(network):
    convolution, batch_norm = network.features[0], network.features[1]
    weight, bias = folding.fold(convolution, batch_norm)
    images = torch.randn(2, 1, 64, 64)
    expected = batch_norm(convolution(images))
    torch.testing.assert_close(
        F.conv2d(images, weight, bias, stride=4, padding=2), expected, rtol=1e-4, atol=1e-5
    )


@pytest.fixture(scope="module")
def exported(network):
    """Return (small weights of `network`, conv features they were made from), not rounded."""
    images, labels = torch.randint(0, 256, (12, 1, 72, 72), dtype=torch.uint8), torch.arange(12) % 3
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(torch.Tensor, "half", torch.Tensor.float)
        weights = folding.small_weights_of(network, (images, labels), (0.5, 0.25), 3, TINY)
        return weights, folding.conv_features(network, images, (0.5, 0.25))


def test_torchvisions_conv_layers_compute_what_the_trained_ones_compute(network, exported):
    images = torch.randn(2, 1, 96, 96)
    with torch.no_grad():
        expected = network.features(images)
        got = as_torchvision(exported[0]).features(images.expand(-1, 3, -1, -1))
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)


def test_fc7_finds_the_directions_again_that_fc6_saw(exported):
    weights, features = exported
    # Shape: (D, 9216).
    patterns = torch.einsum("dc,dp->dcp", weights["directions"], weights["waves"]).flatten(1)
    seen = features @ patterns.T @ weights["fc7.units"].T  # (N, 2048)
    expected = torch.cat([seen, -seen], dim=1)
    with torch.no_grad():
        got = as_torchvision(weights).classifier[:5](features)  # before fc7's ReLU
    # The biases do not vary with the image.
    got, expected = got - got.mean(dim=0), expected - expected.mean(dim=0)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())


def test_a_head_is_made_for_what_torchvisions_linear_layers_answer(exported):
    weights, features = exported
    with torch.no_grad():
        expected = as_torchvision(weights).classifier[:6](features)
    torch.testing.assert_close(
        folding.linear_features(features, weights), expected, rtol=1e-3, atol=1e-4
    )


def test_cosine_waves_are_at_right_angles_and_the_slowest_counts_most():
    waves, weights = folding.cosine_waves(6)
    torch.testing.assert_close(waves @ waves.T, torch.eye(36), rtol=0, atol=1e-5)
    torch.testing.assert_close(waves[0], torch.full((36,), 1 / 6))
    assert weights[0] == 1 and (weights[1:] < 1).all()


def test_the_loudest_directions_are_those_in_which_features_vary_most():
    torch.manual_seed(0)
    features = 0.01 * torch.randn(200, 256, 6, 6)
    features[:, 7] += 3 * torch.randn(200, 1, 1)  # channel 7, everywhere alike
    features = (features - features.mean(dim=0)).flatten(1)
    directions, waves = folding.loudest_directions(features, 2)
    assert (
        directions[0].abs().argmax() == 7
        and directions[0].abs().max() > 0.99 * directions[0].norm()
    )
    torch.testing.assert_close(waves[0], torch.full((36,), 1 / 6))
    answers = torch.einsum("ncp,dc,dp->nd", features.unflatten(1, (256, 36)), directions, waves)
    assert answers.square().mean().item() == pytest.approx(1, rel=1e-3)


def test_random_units_come_in_blocks_of_right_angles():
    units = folding.random_units(4)
    torch.testing.assert_close(units.T @ units, 512 * torch.eye(4), rtol=0, atol=1e-3)
    torch.testing.assert_close(units.norm(dim=1), torch.ones(2048))


def test_the_ridge_head_separates_what_can_be_separated():
    torch.manual_seed(0)
    labels = torch.arange(60) % 3
    features = torch.zeros(60, 4096)
    features[:, :8] = torch.randn(60, 8) + 8 * F.one_hot(labels, 8)
    head = folding.linear_head(features, labels, 3)
    logits = features @ head["classifier.6.weight"].T + head["classifier.6.bias"]
    assert (logits.argmax(dim=1) == labels).all()


def test_the_file_holds_torchvisions_shapes_and_says_where_it_comes_from(trained):
    state_dict, meta = load_small_alexnet(trained[0])
    alexnet(num_classes=4).load_state_dict(state_dict)
    assert state_dict["classifier.1.weight"].shape == (4096, 9216)
    assert meta["num_images"] == 20 and meta["class_names"] == ["dark", "grey", "light", "white"]
    assert meta["licence"] == "noise is free" and 0 <= meta["held_out_accuracy"] <= 1


def test_the_default_number_of_directions_keeps_the_file_under_10_mb(trained, tmp_path):
    content = torch.load(trained[0], weights_only=True)
    weights, num_directions = content["weights"], PretrainConfig().num_directions
    sizes = {"directions": (num_directions, 256), "waves": (num_directions, 36)}
    sizes |= {f"{layer}.units": (2048, num_directions) for layer in ("fc6", "fc7")}
    sizes["classifier.6.weight"] = (16, 4096)
    assert set(sizes) <= set(weights)
    weights |= {name: torch.zeros(size, dtype=torch.half) for name, size in sizes.items()}
    pretraining.save(content, tmp_path / "small.pt")
    assert (tmp_path / "small.pt").stat().st_size < 10e6


@pytest.mark.slow
def test_an_interrupted_run_ends_as_if_it_had_not_been(folder, trained, tmp_path, monkeypatch):
    def interrupted(*args):
        if args[4] == 1:  # the second epoch
            raise KeyboardInterrupt
        return pretrain_epoch(*args)

    output, pretrain_epoch = tmp_path / "small.pt", pretraining.pretrain_epoch
    monkeypatch.setattr(pretraining, "pretrain_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pretrain(folder, output, TINY)
    assert not output.exists()
    monkeypatch.undo()
    history = pretrain(folder, output, TINY)
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["train_loss"] == pytest.approx(trained[1][1]["train_loss"], rel=1e-3)


def test_a_checkpoint_of_other_settings_is_refused_by_name(folder, trained):
    with pytest.raises(ValueError, match="small.pt.checkpoint"):
        pretrain(folder, trained[0], replace(TINY, rank=5))


def test_a_truncated_file_is_refused_by_name(trained, tmp_path):
    path = tmp_path / "half.pt"
    path.write_bytes(trained[0].read_bytes()[:-5000])
    with pytest.raises(ValueError, match="half.pt"):
        load_small_alexnet(path)


def write_text(path, _):
    path.write_text("not weights")


def write_nothing(path, _):
    path.write_bytes(b"")


def write_other_weights(path, _):
    torch.save({"fc.weight": torch.zeros(2, 2)}, path)


def write_a_tensor(path, _):
    torch.save(torch.zeros(2), path)


def write_wrong_shape(path, content):
    content["weights"]["features.3.weight"] = torch.zeros(192, 64, 3, 3)
    torch.save(content, path)


def write_missing_layer(path, content):
    del content["weights"]["fc7.units"]
    torch.save(content, path)


def write_factors_that_do_not_fit(path, content):
    content["weights"]["fc6.units"] = torch.zeros(2048, 7)
    torch.save(content, path)


@pytest.mark.parametrize(
    "write",
    [write_text, write_nothing, write_other_weights, write_a_tensor, write_wrong_shape,
     write_missing_layer, write_factors_that_do_not_fit],
)  # fmt: skip
def test_any_other_file_is_refused_by_name(trained, tmp_path, write):
    path = tmp_path / "other.pt"
    write(path, torch.load(io.BytesIO(trained[0].read_bytes()), weights_only=True))
    with pytest.raises(ValueError, match="other.pt"):
        load_small_alexnet(path)
