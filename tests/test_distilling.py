"""Distillation: student and teacher see the same crops, and the student comes to answer alike."""

import pytest
import torch
import torch.nn.functional as F
from conftest import write_pictures

from helpers import distilling
from helpers.alexnet_recipes import ALL_RECIPES
from helpers.augmentation import Augmentation
from helpers.data import Scenes, Split
from helpers.files import WorkbookError
from helpers.recipes import train_by_recipe
from helpers.sources.mini_scenes import draw_mini_scenes
from helpers.sources.pictures import borrowed_images
from helpers.training import for_profile


@pytest.fixture(scope="module")
def scenes():
    """Drawn scenes of 128 px, four of each class to train on, two to validate on."""
    images, labels, val_images, val_labels = map(torch.from_numpy, draw_mini_scenes(128, 60, 30))
    return Scenes(
        "mini-scenes",
        Split(images[:, None], labels),
        Split(val_images[:, None], val_labels),
    )


def test_student_and_teacher_see_the_same_part(scenes):
    crop = Augmentation(output_px=32)
    small = distilling.cut_all(scenes.train.images, crop, seed=3).float()
    large = distilling.cut_all(scenes.train.images, Augmentation(output_px=64), seed=3).float()
    other = distilling.cut_all(scenes.train.images, crop, seed=4).float()
    shrunk = F.avg_pool2d(large, 2)
    assert (small - shrunk).abs().mean() < 0.5 * (other - shrunk).abs().mean()


def test_a_higher_temperature_gives_softer_answers():
    head, features = torch.nn.Flatten(), 4 * torch.randn(6, 2, 5)
    sharp, soft = (distilling.soft_answers(head, features, t) for t in (1.0, 4.0))
    assert sharp.shape == (6, 2, 5)
    assert torch.allclose(sharp.sum(dim=-1), torch.ones(6, 2))
    assert (soft.max(dim=-1).values < sharp.max(dim=-1).values).all()
    assert torch.equal(soft.argmax(dim=-1), sharp.argmax(dim=-1))


def test_the_temperature_is_for_training_only():
    student = distilling.AtTemperature(torch.nn.Identity(), 2.0)
    logits = torch.tensor([[2.0, 4.0]])
    assert student.train()(logits).tolist() == [[1.0, 2.0]]
    assert student.eval()(logits).tolist() == [[2.0, 4.0]]


def test_the_recipe_trains_a_student(scenes):
    recipe = ALL_RECIPES["SimpleNetDropout-distilled"]
    model, history = train_by_recipe(recipe, *recipe.prepare(scenes), for_profile(recipe.config))
    assert type(model).__name__ == "SimpleNetDropout"
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert [row["epoch"] for row in history] == [2, 4, 6]  # two crops a picture, six epochs


def test_borrowed_images_are_learned_from_too(scenes, tmp_path, monkeypatch):
    write_pictures(tmp_path / "chairs", 4, seed=0)
    monkeypatch.setenv("BORROWED_IMAGES", str(tmp_path))
    assert borrowed_images().shape == (4, 1, 128, 128)
    seen = []
    monkeypatch.setattr(distilling, "fit", lambda model, train, *_, **__: seen.append(train) or [])
    recipe = ALL_RECIPES["SimpleNetDropout-distilled-borrowed"]
    train_by_recipe(recipe, *recipe.prepare(scenes), recipe.config)
    assert len(seen[-1]) == 2 * 60 + 4


def test_without_borrowed_images_the_recipe_says_what_to_do(monkeypatch):
    monkeypatch.delenv("BORROWED_IMAGES", raising=False)
    with pytest.raises(WorkbookError, match="Set BORROWED_IMAGES"):
        borrowed_images()
