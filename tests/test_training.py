"""The training loop: two routes to one value, checkpoints, and mistakes met with a sentence."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers.augmentation import Augmentation
from helpers.checkpoints import Checkpoint
from helpers.data import Split
from helpers.extra.measure import latency_ms, size_mb
from helpers.files import ROOT, WorkbookError
from helpers.kept import kept
from helpers.models import SimpleNet, SimpleNetDropout, num_parameters
from helpers.onednn import in_blocks
from helpers.subsets import halve
from helpers.training import (
    Options,
    TrainConfig,
    autocast,
    choose_device,
    evaluate,
    fit,
    for_profile,
    make_optimizer,
    predict,
)

CONFIG = TrainConfig(num_epochs=3, batch_size=8, learning_rate=3e-3, device="cpu")


@pytest.fixture
def split():
    generator = torch.Generator().manual_seed(0)
    return Split(torch.randn(20, 1, 64, 64, generator=generator), torch.arange(20) % 15)


def seeded(network=SimpleNet, **options):
    torch.manual_seed(0)
    return network(**options)


@pytest.mark.parametrize("network", [SimpleNet, SimpleNetDropout])
def test_the_networks_have_the_courses_size_and_shapes(network):
    assert num_parameters(network()) == 56_895
    assert network()(torch.zeros(2, 1, 64, 64)).shape == (2, 15)


def test_the_size_of_a_network_is_four_bytes_a_parameter_and_its_latency_a_time():
    assert size_mb(SimpleNet()) == pytest.approx(56_895 * 4 / 1e6)
    one, many = (
        latency_ms(SimpleNet(), torch.zeros(count, 1, 64, 64), repeats=3) for count in (1, 256)
    )
    assert 0 < one < many


def test_dropout_adds_no_parameters_and_is_off_in_eval():
    plain, dropout = seeded(), seeded(SimpleNetDropout)
    images = torch.randn(4, 1, 64, 64)
    assert torch.equal(plain.eval()(images), dropout.eval()(images))
    assert not torch.equal(dropout.train()(images), dropout(images))


def test_the_loss_falls_and_twenty_images_are_learned_by_heart(split):
    history = fit(seeded(), split, split, replace(CONFIG, num_epochs=40))
    assert (
        history[-1]["train_loss"] < 0.1 < history[0]["train_loss"]
        and history[-1]["train_accuracy"] == 1
    )


def test_evaluate_weights_images_not_batches(split, monkeypatch):
    network = seeded().eval()
    logits = network(split.images)
    monkeypatch.setattr(predict, "__defaults__", (7,))  # batches of 7, 7 and 6
    loss, accuracy = evaluate(network, split)
    assert loss == pytest.approx(F.cross_entropy(logits, split.labels).item(), rel=1e-5)
    assert accuracy == pytest.approx((logits.argmax(1) == split.labels).float().mean().item())


def test_training_accuracy_is_of_whole_images_where_crops_are_learned_from(split):
    large = Split(torch.rand(20, 1, 128, 128), split.labels)
    network = seeded()
    history = fit(
        network,
        large,
        split,
        CONFIG,
        lambda images: images[:, :, :64, :64],
        Options(evaluate_on=halve(large)),
    )
    with autocast("cpu"):
        assert history[-1]["train_loss"] == pytest.approx(evaluate(network, halve(large))[0])


def test_a_history_row_holds_what_evaluate_gives(split):
    network = seeded()
    last = fit(network, split, split, CONFIG)[-1]
    with autocast("cpu"):
        assert (last["val_loss"], last["val_accuracy"]) == pytest.approx(evaluate(network, split))
    assert last["epoch"] == 3 and last["seconds"] > 0


def test_the_same_seed_gives_the_same_history_and_another_seed_another(split):
    first, again, other = (
        fit(seeded(), split, split, replace(CONFIG, seed=s))[-1]["val_loss"] for s in (0, 0, 1)
    )
    assert first == again != other


def test_augmentation_is_used_in_training_and_not_in_measuring(split):
    shapes = []

    def augment(images):
        shapes.append(len(images))
        return images

    fit(seeded(), split, split, replace(CONFIG, num_epochs=1), augment)
    assert shapes == [8, 8, 4]


def test_frozen_parameters_stay_as_they_are(split):
    network = seeded()
    network.conv_layers.requires_grad_(False)
    before = network.conv_layers[0].weight.clone()
    fit(network, split, split, CONFIG)
    assert torch.equal(network.conv_layers[0].weight.cpu(), before)
    assert num_parameters(network, trainable_only=True) == 50_100 + 1_515


def test_the_quick_profile_trains_a_few_epochs(monkeypatch):
    monkeypatch.setenv("WORKBOOK_PROFILE", "quick")
    assert for_profile(replace(CONFIG, num_epochs=40)).num_epochs == 6
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")
    assert for_profile(replace(CONFIG, num_epochs=40)).num_epochs == 40
    monkeypatch.setenv("WORKBOOK_PROFILE", "fast")
    with pytest.raises(WorkbookError, match='WORKBOOK_PROFILE is "fast"'):
        for_profile(CONFIG)


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_divergence_stops_with_the_likely_cause(split, optimizer):
    with pytest.raises(WorkbookError, match="learning rate 1e.30 is too large"):
        fit(
            seeded(),
            split,
            split,
            replace(CONFIG, optimizer=optimizer, learning_rate=1e30, num_epochs=10),
        )


def test_images_that_are_not_numbers_are_named_as_the_cause(split):
    split.images[3] = float("nan")
    with pytest.raises(WorkbookError, match="the images hold values that are not"):
        fit(seeded(), split, split, CONFIG)


@pytest.mark.parametrize("label", [-1, 15])
def test_a_label_out_of_range_is_named(split, label):
    wrong = Split(split.images, split.labels.clone())
    wrong.labels[5] = label
    with pytest.raises(WorkbookError, match=f"{label}.*labels 0 to 14"):
        fit(seeded(), wrong, split, CONFIG)
    with pytest.raises(WorkbookError, match="labels 0 to 14"):
        fit(seeded(), split, wrong, CONFIG)


@pytest.mark.parametrize("field", ["optimizer", "schedule", "device"])
def test_an_unknown_choice_is_named(split, field):
    with pytest.raises(WorkbookError, match=f'{field} .*"tpu7"'):
        fit(seeded(), split, split, replace(CONFIG, **{field: "tpu7"}))


def test_auto_is_a_device_that_is_here():
    assert choose_device("auto").type in ("cuda", "mps", "cpu")
    assert torch.zeros(1, device=choose_device("auto")).item() == 0


def test_sgd_takes_the_configs_momentum():
    optimizer = make_optimizer(SimpleNet(), replace(CONFIG, optimizer="sgd", momentum=0.3))
    assert optimizer.param_groups[0]["momentum"] == 0.3


# --- checkpoints ----------------------------------------------------------------------------------


def at(path):
    """Return the Options of a run with a checkpoint."""
    return Options(checkpoint=Checkpoint(path))


class Interrupted(Exception):
    """Stands for the interrupt button."""


def _fit_until(epoch, split, path, config=CONFIG, network=SimpleNetDropout):
    """Train, and interrupt in the middle of the epoch after `epoch`."""
    calls = []

    def augment(images):
        calls.append(1)
        if len(calls) > 3 * epoch + 1:
            raise Interrupted
        return images

    with pytest.raises(Interrupted):
        fit(seeded(network), split, split, config, augment, options=at(path))


def test_a_resumed_run_ends_as_if_it_had_not_been_interrupted(split, tmp_path):
    path = tmp_path / "run.pt"
    whole = fit(seeded(SimpleNetDropout), split, split, CONFIG)
    _fit_until(2, split, path)
    network = SimpleNetDropout()
    resumed = fit(network, split, split, CONFIG, options=at(path))
    assert [row["val_loss"] for row in resumed] == [row["val_loss"] for row in whole]
    assert not path.exists(), "a run that has ended leaves no checkpoint"


def test_a_checkpoint_of_another_network_is_refused_and_kept(split, tmp_path):
    path = tmp_path / "run.pt"
    _fit_until(1, split, path)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 15))
    with pytest.raises(
        WorkbookError, match="run.pt is a checkpoint of another network: a SimpleNetDropout"
    ):
        fit(linear, split, split, CONFIG, options=at(path))
    assert path.exists()


def test_a_checkpoint_of_another_config_is_refused(split, tmp_path):
    path = tmp_path / "run.pt"
    _fit_until(1, split, path)
    with pytest.raises(WorkbookError, match="another learning_rate, seed"):
        fit(
            SimpleNetDropout(),
            split,
            split,
            replace(CONFIG, learning_rate=1, seed=3),
            options=at(path),
        )


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"text", lambda raw: b""]
)
def test_a_damaged_checkpoint_is_named(split, tmp_path, damage):
    path = tmp_path / "run.pt"
    _fit_until(1, split, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WorkbookError, match="run.pt is not a checkpoint"):
        fit(SimpleNetDropout(), split, split, CONFIG, options=at(path))


def test_a_checkpoint_runs_no_code_of_its_own(split, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"config": Evil()}, tmp_path / "run.pt")
    with pytest.raises(WorkbookError, match="not a checkpoint"):
        fit(SimpleNet(), split, split, CONFIG, options=at(tmp_path / "run.pt"))
    assert not (tmp_path / "owned").exists()


@pytest.mark.slow
def test_kill_9_while_a_checkpoint_is_written_leaves_the_one_before(split, tmp_path):
    code = f"""
import os, signal, torch
from helpers import training
from helpers.checkpoints import Checkpoint
from helpers.data import Split
from helpers.models import SimpleNetDropout
save, calls = torch.save, []
def die(state, path):
    calls.append(1)
    save(state, path)
    if len(calls) == 2:
        os.truncate(path, 1000)
        os.kill(os.getpid(), signal.SIGKILL)
torch.save = die
split = Split(torch.randn(20, 1, 64, 64, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 15)
torch.manual_seed(0)
options = training.Options(Checkpoint({str(tmp_path / "run.pt")!r}))
training.fit(SimpleNetDropout(), split, split, training.{CONFIG!r}, options=options)
"""
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert process.returncode == -9
    network = SimpleNetDropout()
    resumed = fit(network, split, split, CONFIG, options=at(tmp_path / "run.pt"))
    assert [row["epoch"] for row in resumed] == [1, 2, 3]
    assert resumed[-1]["val_loss"] == pytest.approx(
        fit(seeded(SimpleNetDropout), split, split, CONFIG)[-1]["val_loss"]
    )


@pytest.mark.parametrize(
    "layers",
    [
        SimpleNet().conv_layers,
        SimpleNet().conv_layers.to(memory_format=torch.channels_last),
        nn.Sequential(nn.Conv2d(1, 4, 3, padding="same", bias=False), nn.ReLU(), nn.Flatten()),
        nn.Sequential(nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.Conv2d(4, 6, 3, groups=2)),
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(3, dilation=2), nn.Tanh()),
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU()),
        nn.Sequential(nn.Flatten()),
        None,
    ],
)
def test_layers_in_blocks_compute_what_they_are(layers):
    images = torch.randn(3, 1, 20, 20, generator=torch.Generator().manual_seed(0)) * 3
    images = images if layers is None or len(layers) < 6 else F.interpolate(images, size=64)
    as_they_are = layers(images) if layers else None
    with torch.inference_mode(), in_blocks(layers, images):
        if layers:
            torch.testing.assert_close(layers(images), as_they_are)
    with torch.inference_mode(), autocast("cpu"), in_blocks(layers, images):
        if layers:
            torch.testing.assert_close(layers(images).float(), as_they_are, atol=0.05, rtol=0.02)
    assert layers is None or layers(images).requires_grad == as_they_are.requires_grad


def test_a_run_is_kept_and_read_where_everything_is_the_same(split, monkeypatch, capsys):
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")
    calls = []
    counting = lambda *arguments: calls.append(1) or fit(*arguments)
    first, second = seeded(), seeded()
    history = kept(counting)(first, split, split, CONFIG)
    assert kept(counting)(second, split, split, CONFIG) == history and len(calls) == 1
    assert "read from the cache" in capsys.readouterr().out
    assert (predict(first, split.images) == predict(second, split.images)).all()
    others = [
        (seeded(SimpleNetDropout, rate=0.2), split, split, CONFIG),
        (seeded(SimpleNetDropout, rate=0.3), split, split, CONFIG),
        (seeded(), split[:10], split, CONFIG),
        (seeded(), split, split, replace(CONFIG, seed=1)),
        (seeded(), split, split, CONFIG, Augmentation()),
    ]
    for number, other in enumerate(others, start=2):
        kept(counting)(*other)
        assert len(calls) == number


def test_a_damaged_kept_run_is_made_again_and_a_saved_run_trains_anew(split, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")
    calls = []
    counting = lambda *arguments: calls.append(1) or fit(*arguments)
    kept(counting)(seeded(), split, split, CONFIG)
    (path,) = (tmp_path / "cache" / "runs").iterdir()
    path.write_bytes(b"half")
    kept(counting)(seeded(), split, split, CONFIG)
    monkeypatch.setenv("WORKBOOK_PUBLISH", "1")
    kept(counting)(seeded(), split, split, CONFIG)
    assert len(calls) == 3
