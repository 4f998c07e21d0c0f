"""Numbers by two routes, Grad-CAM where the answer is known, photographs of every kind."""

import datetime
import io

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics

from helpers import plots
from helpers.alexnet import make_alexnet
from helpers.extra import analysis, figures
from helpers.extra.analysis import Predictions
from helpers.extra.photograph import PhotographPanel, read_photograph
from helpers.files import WorkbookError
from helpers.sources.weights import Weights

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def make_predictions(labels, answers, confidence=0.7, num_classes=4):
    """Return Predictions with these answers, each of the same confidence."""
    probabilities = np.full((len(labels), num_classes), (1 - confidence) / (num_classes - 1))
    probabilities[np.arange(len(labels)), answers] = confidence
    return Predictions(np.array(labels), probabilities)


@pytest.fixture
def predictions():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 200)
    answers = np.where(generator.random(200) < 0.7, labels, generator.integers(0, 4, 200))
    return make_predictions(labels, answers)


def test_scores_are_those_of_their_definitions(predictions):
    scores = analysis.scores(predictions)
    accuracy = predictions.is_right.mean()
    recalls = [predictions.is_right[predictions.labels == c].mean() for c in range(4)]
    assert scores["accuracy"] == pytest.approx(accuracy) and scores[
        "balanced accuracy"
    ] == pytest.approx(np.mean(recalls))
    assert scores["ece"] == pytest.approx(abs(0.7 - accuracy)), "one bin holds all"
    matrix = metrics.confusion_matrix(predictions.labels, predictions.answers) / 200
    by_luck = matrix.sum(axis=0) @ matrix.sum(axis=1)
    assert scores["Cohen's kappa"] == pytest.approx((accuracy - by_luck) / (1 - by_luck))


def test_top_3_counts_the_three_most_probable():
    probabilities = np.array([[0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.2, 0.1]])
    assert analysis.scores(Predictions(np.array([2, 3]), probabilities))["top-3 accuracy"] == 0.5


def test_classes_are_listed_from_the_lowest_f1(predictions):
    table = analysis.per_class(predictions, tuple("abcd"))
    assert table["F1"].is_monotonic_increasing and table["images"].sum() == 200


def test_the_interval_holds_the_accuracy_and_narrows_with_more_images(predictions):
    low, high = analysis.confidence_interval(predictions)
    accuracy = predictions.is_right.mean()
    by_formula = 1.96 * (accuracy * (1 - accuracy) / 200) ** 0.5
    assert low < accuracy < high and (high - low) / 2 == pytest.approx(by_formula, rel=0.15)


def test_mcnemar_looks_at_the_images_that_one_network_gets_right():
    labels = [0] * 20
    first, second = (
        make_predictions(labels, [0] * 15 + [1] * 5),
        make_predictions(labels, [1] * 9 + [0] * 6 + [1] * 5),
    )
    only_first, only_second, p = analysis.mcnemar(first, second)
    assert (only_first, only_second) == (9, 0) and p == pytest.approx(2 * 0.5**9)
    assert analysis.mcnemar(first, first) == (0, 0, 1.0)


def test_calibration_is_perfect_when_confidence_is_accuracy():
    labels = [0] * 10
    assert analysis.expected_calibration_error(
        make_predictions(labels, [0] * 7 + [1] * 3)
    ) == pytest.approx(0)
    sure = analysis.reliability(make_predictions(labels, [0] * 5 + [1] * 5, confidence=1.0))
    assert sure["accuracy"].tolist() == [0.5] and sure["share"].tolist() == [1.0]


def test_the_most_confused_pair_comes_first_and_right_answers_do_not_count():
    labels, answers = [0] * 5 + [1] * 5, [2, 2, 2, 0, 0, 1, 1, 1, 1, 0]
    table = analysis.most_confused(make_predictions(labels, answers), tuple("abcd"))
    assert table.values.tolist() == [["a", "c", 3, 0.6], ["b", "a", 1, 0.2]]


def test_mistakes_are_ordered_by_confidence():
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.45, 0.55]])
    assert analysis.mistakes_by_confidence(
        Predictions(np.array([1, 0, 1, 0]), probabilities)
    ).tolist() == [0, 1, 3]


# --- Grad-CAM -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return make_alexnet(Weights(make_alexnet().state_dict(), 128, (0.5,) * 3, (0.25,) * 3)).eval()


def test_grad_cam_is_a_map_of_the_image_from_0_to_1_and_leaves_no_gradients(model):
    images = torch.randint(0, 256, (3, 1, 100, 80), dtype=torch.uint8)
    heat = analysis.grad_cam(model, images)
    assert heat.shape == (3, 100, 80) and heat.min() >= 0 and heat.max() <= 1
    assert all(p.grad is None for p in model.parameters())


def test_grad_cam_is_warm_where_the_evidence_is(model):
    """Let the answer depend on one position of one feature map alone: the heat must be there."""
    image = torch.zeros(1, 1, 128, 128, dtype=torch.uint8)
    image[..., 64:, 64:] = torch.randint(0, 256, (64, 64), dtype=torch.uint8)
    with torch.no_grad():
        maps = model.features(model.prepare(image))
    strongest = maps[0].flatten(1).amax(dim=1).argmax()

    def one_map(flat):  # the "logit" is the sum of the strongest map
        return flat.view(-1, *maps.shape[1:])[:, strongest].sum(dim=(1, 2))[:, None]

    class OneMap(torch.nn.Module):
        features, avgpool, prepare, classifier = (
            model.features,
            torch.nn.Identity(),
            model.prepare,
            staticmethod(one_map),
        )

    heat = analysis.grad_cam(OneMap(), image)[0]
    expected = maps[0, strongest]
    row, column = divmod(heat.argmax().item(), 128)
    best_row, best_column = divmod(expected.argmax().item(), expected.shape[1])
    side = 128 / expected.shape[0]
    assert row // side == pytest.approx(best_row, abs=1) and column // side == pytest.approx(
        best_column, abs=1
    )


def test_heat_maps_share_one_scale_and_a_map_of_zeros_is_dark():
    axes = plots.show_images(torch.rand(2, 1, 8, 8), ["warm", "nothing"], 2)
    figures.show_heat(axes, torch.stack([torch.ones(8, 8), torch.zeros(8, 8)]))
    heat = [ax.images[1] for ax in axes.flat]
    assert [image.get_clim() for image in heat] == [(0, 1)] * 2
    assert [image.to_rgba(image.get_array())[..., :3].mean() > 0.5 for image in heat] == [
        True,
        False,
    ]
    assert len(axes.flat[0].figure.axes) == 3, "and a bar that says what the colours mean"


def test_grad_cam_explains_the_class_asked_for(model):
    images = torch.randint(0, 256, (1, 1, 64, 64), dtype=torch.uint8)
    assert not torch.equal(
        analysis.grad_cam(model, images, [0]), analysis.grad_cam(model, images, [1])
    )


# --- photographs ----------------------------------------------------------------------------------


def as_file(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_common_formats_are_read_in_colour_and_grey(kind, mode):
    photograph = Image.new(mode, (300, 120), 100 if mode == "L" else (100, 100, 100))
    image = read_photograph(io.BytesIO(as_file(photograph, kind)), 64)
    assert (
        image.shape == (1, 1, 64, 64)
        and image.dtype == torch.uint8
        and abs(image.float().mean() - 100) < 3
    )


@pytest.mark.parametrize("mode", ["RGBA", "P", "1", "LA", "I;16"])
def test_images_with_transparency_palettes_and_16_bits_are_read(mode):
    photograph = (
        Image.new(mode, (30, 12))
        if mode != "I;16"
        else Image.fromarray(np.zeros((12, 30), np.uint16))
    )
    assert read_photograph(io.BytesIO(as_file(photograph, "PNG")), 32).shape == (1, 1, 32, 32)


def test_a_photograph_held_sideways_is_turned():
    photograph = Image.new("L", (40, 20))
    photograph.paste(255, (0, 0, 20, 20))  # bright on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: left is up
    image = read_photograph(io.BytesIO(as_file(photograph, "JPEG", exif=exif)), 16)[0, 0].float()
    assert image[:6].mean() > 200 and image[-6:].mean() < 50


@pytest.mark.parametrize(
    "content", [b"", b"hello", as_file(Image.new("L", (50, 50)), "JPEG")[:200]]
)
def test_a_file_that_is_no_image_gets_one_sentence_in_the_panel(content, model):
    with pytest.raises(WorkbookError, match="cannot be read as an image"):
        read_photograph(io.BytesIO(content), 64)
    panel = PhotographPanel(model, tuple("abcdefghijklmno"))
    panel.upload.value = (
        {"name": "<b>notes.txt", "type": "", "size": 1, "content": content, "last_modified": NOW},
    )
    assert (
        "&lt;b&gt;notes.txt: This file" in panel.status.value
        and panel.picture.layout.display == "none"
    )


def test_the_panel_says_what_the_photograph_shows(model):
    panel = PhotographPanel(model, tuple("abcdefghijklmno"))
    content = as_file(Image.new("RGB", (90, 60), (10, 200, 30)), "PNG")
    panel.upload.value = (
        {"name": "me.png", "type": "", "size": 1, "content": content, "last_modified": NOW},
    )
    assert (
        panel.status.value.startswith("me.png: ") and bytes(panel.picture.value[:4]) == b"\x89PNG"
    )


# --- figures --------------------------------------------------------------------------------------


def test_a_confusion_matrix_is_drawn_with_its_numbers_and_axes():
    ax = figures.plot_confusion(np.array([[3, 0], [1, 2]]), ["a", "b"])
    assert [t.get_text() for t in ax.texts] == ["3", "", "1", "2"]
    assert ax.get_xlabel() == "predicted" and ax.get_ylabel() == "true"
    assert [
        t.get_text()
        for t in figures.plot_confusion(np.array([[0.5, 0.5], [0, 1.0]]), ["a", "b"]).texts
    ][0] == "50"


def test_reliability_is_drawn_bin_by_bin(predictions):
    ax = figures.plot_reliability({"network": analysis.reliability(predictions)})
    assert ax.lines[1].get_ydata().tolist() == [pytest.approx(predictions.is_right.mean())]
