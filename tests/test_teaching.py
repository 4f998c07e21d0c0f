"""AlexNet's conv layers learn what EfficientNet sees: the start, the crops, the file."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from helpers.maker import teaching
from helpers.maker.folding import standardise_grey
from helpers.maker.pretraining import PretrainConfig
from helpers.sources.mini_scenes import draw_mini_scenes
from helpers.sources.small_weights import load_small_alexnet
from helpers.sources.weights import SMALL_WEIGHTS

QUICK = teaching.TeachConfig(
    num_crops=1, crop_px=96, small_px=64, num_epochs=2, num_large=1, batch_size=8
)


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(draw_mini_scenes(96, num_train=15, num_val=15)[0])[:, None]


def test_the_student_begins_with_what_the_small_weights_see(images):
    inputs = standardise_grey(images, (0.45, 0.25))
    student = teaching.Student(rank=4)
    student.begin_with(SMALL_WEIGHTS, inputs)
    weights, _ = load_small_alexnet(SMALL_WEIGHTS)
    kernels = weights["features.0.weight"].sum(dim=1, keepdim=True)
    bias = weights["features.0.bias"]
    expected = torch.nn.functional.conv2d(inputs, kernels, bias, stride=4, padding=2)
    got = student.eval().features[1](student.features[0](inputs))
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


def test_teacher_and_student_see_the_same_crops_each_time(images):
    first, again = (next(teaching.taught_crops(images, QUICK)) for _ in range(2))
    assert first[0].shape == (15, 1, 96, 96) and first[0].dtype == torch.uint8
    assert first[1].shape == (15, 1280)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])


def test_the_loss_is_smallest_for_what_was_taught(images):
    _, features = next(teaching.taught_crops(images, QUICK))
    loss, features = teaching.loss_by(features, QUICK), features.float()
    right = (features - features.mean(dim=0)) / features.std(dim=0).clamp(min=0.01)
    assert loss(right, features) < 1e-4 < loss(right.roll(1, dims=0), features)


@pytest.mark.slow
def test_pictures_in_folders_become_small_weights(images, tmp_path, monkeypatch):
    small = PretrainConfig(image_px=96, rank=4, num_directions=8, num_for_pca=12, num_held_out=3)
    monkeypatch.setattr(teaching, "PretrainConfig", lambda: small)
    for number, image in enumerate(images):
        path = tmp_path / "pictures" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(path)
    losses = teaching.teach(
        [tmp_path / "pictures"],
        SMALL_WEIGHTS,
        tmp_path / "taught.pt",
        replace(QUICK, num_epochs=12, learning_rate=1e-4),
    )
    state, meta = load_small_alexnet(tmp_path / "taught.pt")
    assert losses[-1] < losses[0] and meta["class_names"] == ["a", "b"]
    assert state["classifier.1.weight"].shape == (4096, 9216)
