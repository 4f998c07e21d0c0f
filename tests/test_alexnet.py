"""AlexNet: its weights' sources, what is frozen, features kept on disk, the network's own head."""

import hashlib
import http.server
import os
import socket
import threading
from dataclasses import replace
from functools import cache

import pytest
import torch
from torchvision.models import alexnet

from helpers import alexnet as scenes_alexnet
from helpers.alexnet import (
    LAST_LAYER,
    AlexNetScenes,
    encode,
    fit_head,
    freeze,
    last_frozen_layer,
    make_alexnet,
)
from helpers.data import Split
from helpers.files import WorkbookError
from helpers.maker import bench
from helpers.models import num_parameters
from helpers.sources import weights as weights_module
from helpers.sources.small_weights import FORMAT
from helpers.sources.weights import Weights, find_weights
from helpers.training import evaluate, predict

CONFIG = replace(LAST_LAYER, num_epochs=3, batch_size=5, learning_rate=1e-3, device="cpu")


@cache
def random_weights():
    """Weights of a network that keeps the size of what passes through, for inputs of 64 px."""
    torch.manual_seed(0)
    return Weights(make_alexnet(num_classes=16).state_dict(), 64, (0.5,) * 3, (0.25,) * 3)


@pytest.fixture
def model():
    torch.manual_seed(1)
    return freeze(make_alexnet(random_weights()))


@pytest.fixture
def images():
    return torch.randint(
        0, 256, (15, 1, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )


@pytest.fixture
def split(images):
    return Split(images, torch.arange(15))


def shapes_only(num_classes=1000):
    """Return a state dict of the right shapes in a few kilobytes: each tensor repeats a number."""
    with torch.device("meta"):
        shapes = {
            name: p.shape for name, p in alexnet(num_classes=num_classes).state_dict().items()
        }
    return {name: torch.full((1,), 0.25).expand(shape) for name, shape in shapes.items()}


def small_file(path):
    """Write a small set of one direction, as the one in data/."""
    weights = shapes_only(num_classes=16)
    weights["features.0.weight"] = torch.zeros(64, 1, 11, 11)
    del weights["classifier.1.weight"], weights["classifier.4.weight"]
    weights |= {"directions": torch.zeros(1, 256), "waves": torch.zeros(1, 36)}
    weights |= {"fc6.units": torch.zeros(2048, 1), "fc7.units": torch.zeros(2048, 1)}
    meta = {"input_px": 224, "mean": [0.4] * 3, "std": [0.2] * 3, "num_classes": 16}
    torch.save({"format": FORMAT, "weights": weights, "meta": meta}, path)
    return path


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Give each test a hub cache and a small set of its own, and no network."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path / "hub")
    monkeypatch.delenv("ALEXNET_WEIGHTS", raising=False)
    monkeypatch.setattr(weights_module, "SMALL_WEIGHTS", small_file(tmp_path / "small.pt"))
    monkeypatch.setattr(
        weights_module, "IMAGENET_URL", "http://127.0.0.1:9/alexnet-owt-7be5be79.pth"
    )
    yield
    torch.hub.set_dir(before)


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


# --- weights --------------------------------------------------------------------------------------


def test_the_small_set_is_used_last_and_brings_its_own_input_rule(capsys):
    weights = find_weights()
    assert (weights.input_px, weights.mean, weights.std) == (224, (0.4,) * 3, (0.2,) * 3)
    assert (
        capsys.readouterr().out == "AlexNet's weights: the small set that comes with the workbook\n"
    )


def test_the_hub_cache_goes_before_the_small_set_with_imagenets_input_rule(capsys):
    put(weights_module.hub_path(), shapes_only())
    weights = find_weights(download=True)  # what is there is not fetched again
    assert "hub cache" in capsys.readouterr().out
    assert (weights.input_px, weights.mean) == (224, (0.485, 0.456, 0.406))
    model = make_alexnet(weights)
    assert (model.classifier[4].weight == 0.25).all() and model.classifier[6].weight.shape == (
        15,
        4096,
    )


def test_a_named_file_goes_before_all_others(tmp_path, monkeypatch, capsys):
    put(weights_module.hub_path(), shapes_only())
    mine = put(tmp_path / "mine.pth", shapes_only(num_classes=365))
    monkeypatch.setenv("ALEXNET_WEIGHTS", str(mine))
    assert len(find_weights().state_dict["classifier.6.bias"]) == 365
    assert len(find_weights(tmp_path / "small.pt").state_dict["classifier.6.bias"]) == 16
    assert "mine.pth" in capsys.readouterr().out


@pytest.mark.parametrize(
    "kind", ["wrong shape", "other names", "a list", "truncated", "text", "absent", "a folder"]
)
def test_a_named_file_that_is_not_alexnets_weights_is_refused_by_name(kind, tmp_path):
    path, weights = tmp_path / "named.pth", shapes_only()
    if kind == "wrong shape":
        put(path, weights | {"features.3.weight": torch.zeros(192, 64, 3, 3)})
    elif kind == "other names":
        put(path, {"conv1.weight": torch.zeros(3)})
    elif kind == "a list":
        put(path, [1, 2, 3])
    elif kind == "truncated":
        put(path, weights)
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "text":
        path.write_text("no weights")
    elif kind == "a folder":
        path.mkdir()
    with pytest.raises(WorkbookError, match="named.pth"):
        find_weights(path)


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Malicious:
        def __reduce__(self):
            return print, ("ran",)

    with pytest.raises(WorkbookError, match="does not hold"):
        find_weights(put(tmp_path / "bad.pth", Malicious()))


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Return a function that serves bytes at 127.0.0.1 under a name with a digest.

    The digest is that of other bytes, or of these.
    """
    servers = []

    def start(content, named_after=None, announced=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(announced or len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        name = f"alexnet-{hashlib.sha256(named_after or content).hexdigest()[:8]}.pth"
        monkeypatch.setattr(
            weights_module, "IMAGENET_URL", f"http://127.0.0.1:{server.server_port}/{name}"
        )

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_download_that_was_asked_for_lands_in_the_hub_cache(serve, tmp_path, capsys):
    content = put(tmp_path / "served", shapes_only()).read_bytes()
    serve(content)
    assert find_weights(download=True).input_px == 224
    assert weights_module.hub_path().read_bytes() == content
    find_weights()
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "ImageNet, downloaded from torchvision's address",
        "ImageNet, from torch's hub cache",
    ]


def test_a_damaged_or_broken_download_leaves_nothing_behind(serve):
    for damaged in (
        {"named_after": b"another"},
        {"announced": 999, "named_after": b"weights and more"},
    ):
        serve(b"weights", **damaged)
        with pytest.raises(WorkbookError, match="could not be downloaded"):
            find_weights(download=True)
        assert list(weights_module.hub_path().parent.iterdir()) == []


def test_a_download_without_network_is_a_sentence():
    with pytest.raises(WorkbookError, match="could not be downloaded.*Try again later"):
        find_weights(download=True)


def test_a_download_that_falls_silent_is_given_up(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(
            weights_module,
            "IMAGENET_URL",
            f"http://127.0.0.1:{silent.getsockname()[1]}/a-00000000.pth",
        )
        with pytest.raises(WorkbookError, match="timed out"):
            weights_module.download_weights(stall_s=0.2)


# --- network --------------------------------------------------------------------------------------


def test_61455_parameters_are_trainable_and_over_40_million_frozen(model):
    assert num_parameters(model, trainable_only=True) == 61_455
    assert num_parameters(model) - num_parameters(model, trainable_only=True) > 40_000_000
    freeze(model, num_trainable=2)
    assert num_parameters(model, trainable_only=True) == 61_455 + 4096 * 4096 + 4096


def test_grey_images_become_what_torchvisions_network_expects(model, images):
    theirs = alexnet(num_classes=15).eval()
    theirs.load_state_dict(model.state_dict())
    grey = images[:2].float() / 255
    with torch.inference_mode():
        expected = theirs(((grey - 0.5) / 0.25).repeat(1, 3, 1, 1))
    torch.testing.assert_close(predict(model, images[:2]), expected, rtol=1e-3, atol=1e-4)
    assert AlexNetScenes.prepare(model, images[:1, :, :60, :50]).shape == (1, 3, 64, 64)


def test_the_last_frozen_layer_is_found(model):
    assert last_frozen_layer(model) == "fc7"
    assert (
        last_frozen_layer(freeze(model, 2)) == "fc6"
        and last_frozen_layer(freeze(model, 3)) == "conv"
    )
    with pytest.raises(WorkbookError, match="not frozen"):
        last_frozen_layer(model.requires_grad_(True))


# --- features and head ----------------------------------------------------------------------------


def test_features_are_those_of_eval_for_each_image_and_its_mirror_image(model, images):
    model.train()  # dropout must not reach the features
    features = encode(model, images[:3], "fc7", mirrored=True, device="cpu")
    assert features.shape == (3, 2, 4096)
    with torch.inference_mode():
        mirrored = model.eval().prepare(images[:3].flip(-1))
        expected = model.classifier[:6](model.avgpool(model.features(mirrored)).flatten(1))
    assert (features[:, 1].float() - expected).norm() < 0.02 * expected.norm()  # half precision
    assert (features[:, 0].float() - expected).norm() > 0.1 * expected.norm()


def test_features_are_computed_once_and_anew_when_weights_or_images_change(
    model, images, monkeypatch
):
    computed, original = [], scenes_alexnet._encode
    monkeypatch.setattr(scenes_alexnet, "_encode", lambda *a: computed.append(1) or original(*a))

    def count(*arguments, **options):
        before = len(computed)
        encode(model, *arguments, **options)
        return len(computed) - before

    assert [count(images[:2], "conv"), count(images[:2], "conv")] == [1, 0]
    assert [count(images[:2] // 2, "conv"), count(images[:2], "conv", mirrored=True)] == [1, 1]
    model.classifier[6].reset_parameters()
    assert count(images[:2], "conv") == 0, "a layer after the features does not change them"
    with torch.no_grad():
        model.features[0].bias[0] += 1
    assert [count(images[:2], "conv"), count(images[:2], "conv")] == [1, 0]
    model.mean = (0.4, 0.4, 0.4)
    assert count(images[:2], "conv") == 1, "the input rule changes them too"


@pytest.mark.parametrize("num_trainable", [1, 2])
def test_training_the_head_learns_and_leaves_frozen_layers_alone(num_trainable, model, split):
    freeze(model, num_trainable)
    before = {name: p.clone() for name, p in model.named_parameters()}
    history = fit_head(
        model, split, split, replace(CONFIG, batch_size=15, learning_rate=1e-4, num_epochs=4)
    )
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name]) != p.requires_grad, name


def test_after_training_the_whole_network_gives_the_heads_logits(model, split):
    history = fit_head(model, split, split, CONFIG)
    features = encode(model, split.images, "fc7", device="cpu")  # (15, 1, 4096)
    with torch.inference_mode():
        by_features = model.classifier[6:](features[:, 0].float())  # (15, 15)
    logits = predict(model, split.images)
    assert (by_features - logits).norm() < 0.02 * logits.norm()  # half precision
    assert evaluate(model, split)[0] == pytest.approx(history[-1]["val_loss"], rel=0.05)


def test_random_weights_keep_the_size_of_what_passes_through(images):
    torch.manual_seed(0)
    model = make_alexnet()
    model.input_px = 64
    assert 0.1 < encode(model, images[:4], "fc7").float().std() < 10


@pytest.mark.slow
def test_the_benchmark_prints_cold_warm_and_the_usual_way(scenes_folder, monkeypatch, capsys):
    monkeypatch.setenv("SCENES_DIR", str(scenes_folder))
    monkeypatch.setattr(bench, "find_weights", random_weights)
    cache_folder = os.environ["WORKBOOK_CACHE"]
    bench.run_benchmark("alexnet")
    usual, cold, warm, meaning = capsys.readouterr().out.splitlines()[-4:]
    assert (
        "1 epoch x 5" in usual
        and "1.0 x" in usual
        and "cold" in cold
        and "warm" in warm
        and "decoded" in meaning
    )
    assert os.environ["WORKBOOK_CACHE"] == cache_folder and not os.path.exists(cache_folder)
