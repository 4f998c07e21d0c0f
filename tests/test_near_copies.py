"""Copies of scenes among other pictures are found: whole, cropped, mirrored, and not others."""

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("cv2")
from helpers.commands import cli
from helpers.data import Scenes, Split
from helpers.maker import near_copies as copies
from helpers.sources.mini_scenes import draw_mini_scenes

SIDE = 128


@pytest.fixture(scope="module")
def scenes():
    """Fifteen drawn scenes, all different: uint8 (15, 1, 128, 128)."""
    images, *_ = draw_mini_scenes(SIDE, num_train=15, num_val=15)
    return torch.from_numpy(images)[:, None]


@pytest.fixture
def all_are_likely(monkeypatch, scenes):
    """Compare every image with every scene, without a network."""
    monkeypatch.setattr(
        copies, "features_of_parts", lambda _, images: torch.ones(len(images), 1, 2)
    )
    monkeypatch.setattr(copies, "NUM_LIKELY", len(scenes))


def enlarged(part):
    """Return a part (1, H, W) of a picture, as large as a whole one."""
    return F.interpolate(part[None].float(), size=(SIDE, SIDE), mode="bilinear")[0].byte()


def test_a_copy_is_found_whatever_part_it_shows(scenes, all_are_likely):
    whole = scenes[8]
    shown = torch.stack(
        [
            whole,
            whole.flip(-1),
            enlarged(whole[:, 20:108, 10:98]),
            enlarged(whole[:, 0:80, 40:120].flip(-1)),
            (whole.float() * 0.7 + 20).byte(),  # darker
        ]
    )
    counts, which = copies.near_copies(shown, scenes)
    assert which.tolist() == [8] * len(shown)
    assert counts.min() >= copies.ENOUGH


def test_other_pictures_are_not_found(scenes, all_are_likely):
    counts, _ = copies.near_copies(scenes[:5], scenes[5:])
    assert counts.max() < copies.ENOUGH


def test_scenes_are_likely_in_the_order_of_their_likeness(monkeypatch):
    monkeypatch.setattr(copies, "NUM_LIKELY", 2)
    image = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])  # two parts
    scenes = torch.tensor([[[1.0, 1.0]], [[0.0, 3.0]], [[-1.0, 0.2]]])
    assert copies.most_alike(image, scenes).tolist() == [[1, 0]]


def test_the_command_names_the_files_of_copies(monkeypatch, tmp_path):
    drawn = torch.from_numpy(draw_mini_scenes(64, num_train=15, num_val=15)[0])[:, None]
    for number, name in enumerate(("b/2.jpg", "a/9.jpg", "b/1.jpg")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(drawn[number, 0].numpy()).save(tmp_path / name)
    found = torch.tensor([0, copies.ENOUGH, 0]), torch.tensor([3, 4, 5])
    monkeypatch.setattr(copies, "near_copies", lambda images, scenes: found)
    split = Split(drawn, torch.arange(15))
    monkeypatch.setattr("helpers.data.load_scenes", lambda size: Scenes("test", split, split))
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")
    shown = CliRunner().invoke(cli.app, ["find-copies", str(tmp_path)]).output
    assert f"b/1.jpg: {copies.ENOUGH} details in common with scene 4" in shown
    assert "1 copies among 3 images" in shown
