"""Int8 networks: small, close to the original, saved and read back; a broken one is refused."""

import time
from dataclasses import replace

import pytest
import torch
from torch import nn
from torchvision.models import alexnet

from helpers.alexnet import AlexNetScenes, make_alexnet
from helpers.data import Split
from helpers.extra import compiled, size_and_speed
from helpers.extra.compression import Bfloat16, dynamic, with_thin_layers
from helpers.extra.quantization import input_rule_and_layers, quantize
from helpers.extra.size_and_speed import compare, file_size_mb, save_state
from helpers.files import WorkbookError
from helpers.models import SimpleNet, SimpleNetDropout
from helpers.sources.weights import Weights
from helpers.training import TrainConfig, fit, predict


@pytest.fixture(scope="module")
def split():
    """300 images, easily told apart: each class has a bright square in a place of its own."""
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.randn(300, 1, 64, 64, generator=generator) / 2, torch.arange(300) % 15
    for image, label in zip(images, labels.tolist()):
        row, column = divmod(label, 4)
        image[0, 16 * row : 16 * row + 12, 16 * column : 16 * column + 12] += 2
    return Split(images, labels)


@pytest.fixture(scope="module")
def trained(split):
    torch.manual_seed(0)
    model = SimpleNet()
    fit(model, split, split, TrainConfig(num_epochs=12, device="cpu"))
    return model


@pytest.fixture(scope="module")
def small_alexnet():
    torch.manual_seed(0)
    return make_alexnet(Weights(make_alexnet().state_dict(), 64, (0.5,) * 3, (0.25,) * 3)).eval()


@pytest.fixture
def greys():
    return torch.randint(
        0, 256, (8, 1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )


def test_int8_gives_nearly_the_same_answers_from_a_quarter_of_the_file(trained, split, tmp_path):
    int8 = quantize(trained, split.images[:64])
    table = compare({"fp32": trained, "int8": int8}, split).set_index("model")
    assert table.loc["fp32", "accuracy"] > 0.8 and table.loc["int8", "agreement"] >= 0.95
    assert table.loc["fp32", "agreement"] == 1 and (table[["ms, batch 1", "ms, batch 32"]] > 0).all(
        axis=None
    )
    assert sum(p.numel() for p in int8.parameters()) == 0, "no float weight is left"
    assert table.loc["int8", "MB"] == pytest.approx(
        save_state(int8, tmp_path / "int8.pt"), rel=0.02
    )
    # Names are a large part of so small a file.
    assert table.loc["int8", "MB"] < 0.35 * table.loc["fp32", "MB"]


def test_the_model_that_is_quantised_stays_as_it_is(trained, split):
    before = predict(trained, split.images[:8])
    quantize(trained, split.images[:32])
    assert torch.equal(predict(trained, split.images[:8]), before)


def test_dropout_is_gone_and_relu_is_part_of_the_layer_before(split):
    layers = quantize(SimpleNetDropout(), split.images[:8]).layers
    names = [type(layer).__name__ for layer in layers]
    assert not any("Dropout" in name or name == "ReLU" for name in names)
    assert sum(name in ("ConvReLU2d", "LinearReLU") for name in names) == 3


def test_alexnet_is_quantised_with_its_input_rule(small_alexnet, greys):
    int8 = quantize(small_alexnet, greys)
    expected, got = predict(small_alexnet, greys), predict(int8, greys)
    assert got.shape == (8, 15) and (got - expected).norm() < 0.15 * expected.norm()


@pytest.mark.slow
def test_the_compiled_int8_network_agrees_and_takes_a_quarter_of_the_file(
    small_alexnet, greys, monkeypatch
):
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")
    network = compiled.quantize_and_compile(small_alexnet, greys)
    if network is None:
        pytest.skip('no torchao (pip install -e ".[compiler]") or no C++ compiler')
    expected = predict(small_alexnet, greys)
    assert (network.eval()(greys) - expected).abs().max() < 0.1 * expected.abs().max()
    assert size_and_speed.file_size_mb(network) < 0.26 * size_and_speed.file_size_mb(small_alexnet)


def test_without_a_compiler_there_is_no_compiled_network(small_alexnet, greys, monkeypatch):
    monkeypatch.setattr(compiled, "has_compiler", lambda: False)
    assert compiled.quantize_and_compile(small_alexnet, greys) is None


def test_a_wrongly_calibrated_network_is_refused_and_not_shown(trained, split):
    # All ranges are far too small, as if images had been scaled twice.
    wrong = quantize(trained, split.images[:64] / 1000)
    with pytest.raises(WorkbookError, match="accuracy of .* calibration"):
        compare({"fp32": trained, "int8": wrong}, split)


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(
        WorkbookError, match="knows SimpleNet, SimpleNetDropout and AlexNet, not Linear"
    ):
        quantize(nn.Linear(2, 2), torch.zeros(1, 2))


def test_dynamic_quantization_shrinks_the_linear_layers_alone(trained, split):
    small = dynamic(trained)
    assert type(small.conv_layers[0]) is type(trained.conv_layers[0])
    assert file_size_mb(small) < 0.45 * file_size_mb(trained), (
        "most of SimpleNet's numbers are in its linear layers"
    )
    agree = predict(small, split.images).argmax(1) == predict(trained, split.images).argmax(1)
    assert agree.float().mean() > 0.9


def test_bfloat16_halves_the_file_and_keeps_the_answers(trained, split, tmp_path):
    half = Bfloat16(trained)
    assert (
        predict(half, split.images).argmax(1) == predict(trained, split.images).argmax(1)
    ).float().mean() > 0.95
    assert size_and_speed.file_size_mb(half) < 0.6 * size_and_speed.file_size_mb(trained)


def test_thin_layers_lose_nothing_where_the_rank_is_theirs(small_alexnet, greys):
    for index in (1, 4):
        whole = small_alexnet.classifier[index]
        whole.weight.data = (
            torch.randn(whole.out_features, 3) @ torch.randn(3, whole.in_features) / 100
        )
    thin = with_thin_layers(small_alexnet, rank=4)
    torch.testing.assert_close(
        predict(thin, greys), predict(small_alexnet, greys), rtol=1e-3, atol=1e-3
    )
    assert size_and_speed.file_size_mb(thin) < 0.1 * size_and_speed.file_size_mb(small_alexnet)


def test_pooling_and_relu_change_places_without_changing_the_network(trained, split):
    prepare, layers = input_rule_and_layers(trained)
    assert [type(layer).__name__ for layer in layers][:3] == ["Conv2d", "ReLU", "MaxPool2d"]
    torch.testing.assert_close(layers(prepare(split.images[:4])), trained(split.images[:4]))


def test_latencies_are_told_in_turns(trained, split):
    times = size_and_speed.latencies({"a": trained, "b": trained}, split.images[:2])
    assert set(times) == {"a", "b"} and all(
        t.median_ms > 0 and t.spread_ms >= 0 for t in times.values()
    )


def test_the_processor_is_named_with_vnni_or_without():
    assert size_and_speed.processor().endswith(("with VNNI", "without VNNI"))


def test_the_quantised_alexnet_is_torchvisions(small_alexnet):
    assert isinstance(small_alexnet, AlexNetScenes) and replace(TrainConfig(), seed=1)
    alexnet(num_classes=15).load_state_dict(small_alexnet.state_dict())


def test_a_comparison_of_many_slow_networks_is_foreseen(split):
    class Slow(nn.Module):
        def forward(self, images):
            time.sleep(0.05)
            return torch.zeros(len(images), 15)

    models = {"one": Slow(), "two": Slow()}
    seconds = size_and_speed.seconds_to_compare(models, split)
    assert seconds > 0.05 * 2 * (300 / 32 + 30) * 0.9
