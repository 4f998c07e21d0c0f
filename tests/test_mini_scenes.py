"""The built-in data set: the same everywhere, balanced, varied, and possible to learn."""

import numpy as np
import pytest
from PIL import Image
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers.sources.mini_scenes import CLASS_NAMES, DRAWINGS, draw_mini_scenes, draw_scene


@pytest.fixture(scope="module")
def small_set():
    return draw_mini_scenes(num_train=300, num_val=150)


def test_every_class_has_a_drawing_and_the_real_data_s_order():
    assert set(DRAWINGS) == set(CLASS_NAMES)
    assert CLASS_NAMES == tuple(sorted(CLASS_NAMES)) and len(CLASS_NAMES) == 15


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_the_same_seed_draws_the_same_picture_and_another_seed_another(class_name):
    image = draw_scene(class_name, seed=3)
    assert np.array_equal(image, draw_scene(class_name, seed=3))
    assert not np.array_equal(image, draw_scene(class_name, seed=4))


@pytest.mark.parametrize("size", [64, 100, 224])
def test_pictures_are_square_bytes_of_the_size_asked_for(size):
    image = draw_scene("Coast", seed=0, size=size)
    assert image.shape == (size, size) and image.dtype == np.uint8


@pytest.mark.parametrize("class_name", CLASS_NAMES)
def test_the_scene_does_not_depend_on_the_size(class_name):
    small = draw_scene(class_name, seed=1)
    large = Image.fromarray(draw_scene(class_name, seed=1, size=224)).resize(
        (64, 64), Image.Resampling.BOX
    )
    assert np.corrcoef(small.ravel(), np.ravel(large))[0, 1] > 0.85


def test_classes_are_balanced_and_sorted(small_set):
    images, labels, val_images, val_labels = small_set
    assert images.shape == (300, 64, 64) and val_images.shape == (150, 64, 64)
    assert labels.dtype == np.int64 and labels.tolist() == np.repeat(np.arange(15), 20).tolist()
    assert val_labels.tolist() == np.repeat(np.arange(15), 10).tolist()


def test_no_picture_comes_twice_in_training_and_validation(small_set):
    images, _, val_images, _ = small_set
    assert len({image.tobytes() for image in (*images, *val_images)}) == 450


def test_validation_does_not_depend_on_the_number_of_training_pictures(small_set):
    _, _, val_images, _ = draw_mini_scenes(num_train=0, num_val=15)
    assert np.array_equal(val_images, small_set[2][::10])


def test_each_picture_shows_something(small_set):
    assert small_set[0].std(axis=(1, 2)).min() > 4  # grey levels


def edge_thumbnails(images):
    """Return how strong the edges are, across and down, in 8 x 8 blocks of each image: (N, 128)."""
    edges = [np.abs(np.diff(images.astype(float), axis=axis, append=0)) for axis in (1, 2)]
    return np.concatenate(
        [e.reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4)).reshape(-1, 64) for e in edges], axis=1
    )


def test_a_linear_classifier_of_edges_beats_chance_clearly(small_set):
    images, labels, val_images, val_labels = small_set
    classifier = make_pipeline(
        StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
    )
    classifier.fit(np.log1p(edge_thumbnails(images)), labels)
    # Chance would give 1 / 15.
    assert classifier.score(np.log1p(edge_thumbnails(val_images)), val_labels) > 4 / 15


def test_an_unknown_class_is_refused_in_a_plain_sentence():
    with pytest.raises(
        ValueError, match='There is no class "Beach"; the classes are Bedroom, Coast'
    ):
        draw_scene("Beach", seed=0)
