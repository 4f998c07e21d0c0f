"""Live panels: a watched run trains as one that nobody watches; what is sent is little and whole."""

import re
import threading
import time
import tomllib
from dataclasses import replace
from fnmatch import fnmatch

import pytest
import torch
import torch.nn.functional as F

from helpers.data import Split, batches
from helpers.files import ROOT
from helpers.live.curves import LiveCurves
from helpers.live.descent import on_curve, on_ravine
from helpers.live.insight import Insight
from helpers.live.kernel import ClickKernel
from helpers.live.logits import PullLogits
from helpers.live.patch import HidePatch, hide, hide_everywhere
from helpers.live.watch import MAX_POINTS, Thinned, Watch
from helpers.models import SimpleNet, SimpleNetDropout
from helpers.progress import Stopped
from helpers.training import Options, TrainConfig, evaluate, fit

CONFIG = TrainConfig(num_epochs=3, batch_size=16, learning_rate=2e-3, device="cpu")
NUM_BATCHES = 3 * 4  # of 60 images


@pytest.fixture
def split():
    torch.manual_seed(0)
    labels = torch.arange(60) % 15
    return Split(labels.view(-1, 1, 1, 1) / 8 + torch.rand(60, 1, 64, 64), labels)


def train(split, config=CONFIG, watch=None, network=SimpleNetDropout):
    """Return the network and the losses of its batches."""
    torch.manual_seed(config.seed)
    model = network()
    fit(model, split, split, config, options=Options(watch=watch, evaluate_every=9))
    return model


def in_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def wait_until(condition):
    deadline = time.perf_counter() + 120
    while not condition():
        assert time.perf_counter() < deadline
        time.sleep(0.001)


def same_weights(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values()))


def by_hand(split, config, change_after, rate):
    """Train with a rate that is looked up in two whole schedules: the first's, then the second's."""
    plans = [plan(config, config.learning_rate), plan(config, rate)]
    torch.manual_seed(config.seed)
    model = SimpleNetDropout().to(memory_format=torch.channels_last)
    torch.manual_seed(config.seed)
    generator, step = torch.Generator().manual_seed(config.seed), 0
    optimizer = torch.optim.AdamW(
        model.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    for _ in range(config.num_epochs):
        model.train()
        for batch in batches(split, config.batch_size, generator):
            lr, betas = plans[step >= change_after][step]
            optimizer.param_groups[0].update(lr=lr, betas=betas)
            loss = F.cross_entropy(model(batch.images), batch.labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
        evaluate(model, split)
    return model


def plan(config, rate):
    """Return (learning rate, betas) of every batch of a one-cycle schedule."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], rate)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, NUM_BATCHES)
    found = []
    for _ in range(NUM_BATCHES):
        group = optimizer.param_groups[0]
        found.append((group["lr"], group["betas"]))
        optimizer.step()
        scheduler.step()
    return found


@pytest.fixture
def no_bfloat16(monkeypatch):
    monkeypatch.setattr("helpers.training.uses_bfloat16", lambda device: False)


def test_a_run_paused_and_gone_on_at_another_rate_equals_that_schedule_by_hand(split, no_bfloat16):
    unwatched = train(split)  # the first step of an optimizer imports much: not against the clock
    watch, done = Watch(), []
    watch.pause()
    thread = in_thread(lambda: done.append(train(split, watch=watch)))
    for batch in range(1, 6):
        wait_until(lambda batch=batch: watch.batch == batch)
        if batch < 5:
            watch.step()
    watch.set_rate(5e-4)
    watch.go_on()
    thread.join()
    assert watch.rates == [[5, 5e-4]] and watch.batch == NUM_BATCHES
    assert same_weights(done[0], by_hand(split, CONFIG, 5, 5e-4))
    assert not same_weights(done[0], unwatched), "the rate mattered"


def test_a_constant_rate_is_changed_too(split, no_bfloat16):
    config = replace(CONFIG, schedule="constant", optimizer="sgd", learning_rate=0.1)

    class Told(Watch):
        def on_batch(self, model, optimizer, loss):
            super().on_batch(model, optimizer, loss)
            rates.append(optimizer.param_groups[0]["lr"])

    rates, watch = [], Told()
    watch.set_rate(0.01)
    train(split, config, watch)
    assert rates == [0.01] * NUM_BATCHES


def test_being_watched_changes_no_number(split):
    insight = Insight(split.images.to(torch.uint8), split.images, split.labels)
    watch = Watch(lambda losses, model, batch: model is None or insight.look(model), every_s=0)
    assert same_weights(train(split, watch=watch), train(split))


def test_stop_ends_a_run_at_its_next_batch_paused_or_not(split):
    watch = Watch()
    watch.pause()
    watch.stop()
    with pytest.raises(Stopped):
        train(split, watch=watch)
    assert watch.batch == 1


def test_every_loss_is_told_once_and_at_most_every_so_often(split):
    told = []
    often = Watch(lambda losses, model, batch: told.append((batch, losses)), every_s=0)
    train(split, watch=often)
    assert [batch for batch, _ in told] == list(range(1, NUM_BATCHES + 1))
    seldom, rarely = [], Watch(lambda losses, *_: seldom.append(losses), every_s=60)
    train(split, watch=rarely)
    assert len(seldom) <= 1 + CONFIG.num_epochs
    assert sum(seldom, []) == [loss for _, losses in told for loss in losses]


def test_a_long_series_is_thinned_to_means_that_keep_its_mean():
    thinned = Thinned()
    for value in range(16 * MAX_POINTS):
        thinned.add(float(value))
    assert MAX_POINTS / 2 <= len(thinned.values) <= MAX_POINTS
    first = thinned.values[0]
    assert first == (thinned.stride - 1) / 2 and thinned.values[1] - first == thinned.stride


def test_a_loss_that_is_not_a_number_can_be_sent():
    thinned = Thinned()
    for value in (2.5, float("nan"), float("inf")):
        thinned.add(value)
    assert thinned.rounded() == {"stride": 1, "values": [2.5, None, None]}


def test_what_a_browser_loads_is_shipped_and_asks_no_network():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    files = [p for p in (ROOT / "helpers" / "live").iterdir() if p.suffix in (".js", ".css")]
    assert len(files) >= 6
    for path in files:
        assert any(fnmatch(path.name, pattern) for pattern in patterns), path.name
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")  # a name, not an address
        assert not re.search(r"https?:|//\w+\.|\bimport\b|fetch\(|@import", text), path.name


# --- a look into the network ----------------------------------------------------------------------


def test_a_look_shows_kernels_maps_and_answers_and_leaves_the_network_training(split):
    insight, model = Insight(split.images, split.images, split.labels), SimpleNet().train()
    about, (kernels, maps) = insight.look(model)
    assert model.training and len(kernels) == 250 and len(maps) == 10 * 60 * 60
    logits = model.eval()(insight.normalised)
    assert about["right"] == (logits.argmax(1) == insight.labels).tolist()
    assert len(set(insight.pictures()[0]["names"])) == 6, "of six classes"
    weights = model.conv_layers[0].weight[:, 0].flatten()
    assert kernels[weights.argmax()] == 255 or kernels[weights.argmin()] == 1


def test_what_stands_for_a_panel_in_print_says_what_it_is():
    panels = (
        LiveCurves(),
        on_ravine(downhill, (1.0, 1.0)),
        PullLogits(F.cross_entropy, "abc", [0, 0, 0]),
    )
    stand_ins = {repr(panel) for panel in panels}
    assert len(stand_ins) == 3 and not any("sliders" in text for text in stand_ins)
    assert all(re.fullmatch(r"\([\w ]+: run this cell in JupyterLab to .+\)", t) for t in stand_ins)


# --- curves in small form -------------------------------------------------------------------------


def test_a_watched_fit_gives_the_same_history_and_keeps_its_curve(split):
    without_times = lambda rows: [{k: v for k, v in r.items() if k != "seconds"} for r in rows]
    curves, histories = LiveCurves(), []
    for wrap in (lambda fit: fit, lambda fit: curves.watched(fit, "AdamW")):
        torch.manual_seed(0)
        histories.append(wrap(fit)(SimpleNet(), split, split, CONFIG))
    assert without_times(histories[0]) == without_times(histories[1])
    (run,) = curves.runs
    assert run["key"] == "AdamW" and curves.drawn == ["AdamW"]
    assert len(run["losses"]["values"]) == NUM_BATCHES and run["per_epoch"] == 4
    assert run["cells"][1] == f"{histories[1][-1]['val_accuracy']:.3f}"


def test_runs_from_a_cache_are_shown_beside_those_that_were_watched(split):
    curves = LiveCurves()
    history = curves.watched(fit, "new")(SimpleNet(), split, split, CONFIG)
    curves.show({"old": history, "new": history})
    assert [run["key"] for run in curves.runs] == ["old", "new"] == curves.drawn
    assert curves.runs[1]["losses"]["values"] and not curves.runs[0]["losses"]["values"]


# --- the start that one drags ---------------------------------------------------------------------


def downhill(start, rate, momentum):
    """Return the path of 20 steps down x^2 + y^2 (half of it), without momentum."""
    return [[x * (1 - rate) ** step for x in start] for step in range(21)]


def test_the_path_follows_start_rate_and_momentum():
    panel = on_ravine(downhill, (1.0, 1.0), start=(4.0, 2.0), rate=0.5)
    assert panel.path[1] == [2.0, 1.0] and "20 steps: ends 4.3e-06 away" in panel.ends
    panel.start = [-2, 2]  # as a browser writes whole numbers
    assert panel.path[1] == [-1.0, 1.0]
    panel.rate = 3.0
    assert panel.path[1] == [4.0, -4.0] and panel.ends == "20 steps: runs away"
    assert max(abs(x) for point in panel.path for x in point) <= 1e6


def test_an_error_of_a_students_step_is_a_line_and_goes_away():
    def step(start, rate, momentum):
        return downhill(start, rate, momentum) if momentum < 0.5 else 1 / 0

    panel = on_ravine(step, (1.0, 1.0))
    before = panel.path
    panel.momentum = 0.9
    assert panel.error == "ZeroDivisionError: division by zero" and panel.path == before
    panel.momentum = 0.1
    assert panel.error == ""


def test_on_a_curve_the_path_lies_on_it():
    panel = on_curve(lambda start, *_: [start, 5.0], lambda w: (w - 5) ** 2, start=3.0)
    assert panel.start == [3.0, 4.0] and panel.path == [[3.0, 4.0], [5.0, 0.0]]


# --- logits to pull -------------------------------------------------------------------------------


def test_the_push_on_the_logits_is_the_truth_minus_the_probabilities():
    panel = PullLogits(F.cross_entropy, ["a", "b", "c"], [2.0, 1.0, -1.0])
    for logits, label in (([2.0, 1.0, -1.0], 0), ([-3, 0, 5], 1)):
        panel.logits, panel.label = logits, label
        shares = torch.tensor(logits, dtype=torch.float).softmax(0)
        assert panel.probabilities == pytest.approx(shares.tolist())
        assert panel.loss == pytest.approx(-shares[label].log().item(), rel=1e-5)
        truth = torch.nn.functional.one_hot(torch.tensor(label), 3)
        assert panel.push == pytest.approx((truth - shares).tolist(), abs=1e-6)


def test_an_error_of_a_students_loss_is_a_line():
    panel = PullLogits(
        lambda z, y: F.cross_entropy(z, y) if z.max() < 3 else 1 / 0, "abc", [0, 0, 0]
    )
    panel.logits = [4, 0, 0]
    assert panel.error.startswith("ZeroDivisionError")
    panel.logits = [1, 0, 0]
    assert panel.error == "" and panel.probabilities[0] > 0.5


# --- a window on a picture ------------------------------------------------------------------------

KERNELS = {"edges": torch.tensor([[-1.0, 0, 1]] * 3), "blob": torch.rand(5, 5) - 0.5}


def sent_by(panel):
    """Return a list that gets (message, buffers) of everything a panel sends from now on."""
    sent = []
    panel.send = lambda message, buffers: sent.append((message, [bytes(b) for b in buffers]))
    return sent


@pytest.mark.parametrize("name", KERNELS)
def test_products_under_the_window_add_up_to_the_convolution_there(name):
    image = torch.randn(1, 20, 30)
    panel = ClickKernel(image, KERNELS, place=(2, 3))
    panel.chosen = name
    for place in ([2, 3], [0, 0], [20 - len(KERNELS[name]), 7]):
        panel.place = place
        products = torch.tensor(panel.patch) * torch.tensor(panel.kernel)
        expected = F.conv2d(image[None], KERNELS[name][None, None])[0, 0][tuple(place)].item()
        assert panel.total == pytest.approx(expected, abs=5e-3) == products.sum().item()


def test_a_changed_weight_changes_the_map_and_a_moved_window_does_not():
    panel = ClickKernel(torch.randn(1, 20, 30), KERNELS)
    sent = sent_by(panel)
    panel.place = [1, 1]
    assert sent == []
    panel.kernel = [[0, 0, 0], [0, panel.unit, 0], [0, 0, 0]]  # as a browser writes it
    ((message, (drawn,)),) = sent
    assert message["map"] == [18, 28] and panel.total == pytest.approx(panel.image[0, 2, 2].item())
    inside = panel.image[0, 1:-1, 1:-1]
    assert drawn.index(255) == inside.argmax() and drawn.index(0) == inside.argmin()


def test_a_larger_kernel_moves_into_the_picture():
    panel = ClickKernel(torch.randn(1, 20, 30), KERNELS, place=(17, 27))
    panel.chosen = "blob"
    assert (panel.side, panel.place) == (5, [15, 25]) and len(panel.patch) == 5


def test_no_picture_is_in_the_state_that_is_saved_but_a_new_page_gets_it():
    image = torch.randint(1, 255, (1, 64, 64), dtype=torch.uint8)
    ask = lambda images: torch.zeros(len(images), 15)
    for panel in (
        ClickKernel(image / 255, KERNELS),
        HidePatch(ask, image, list("abcdefghijklmno")),
    ):
        assert len(str(panel.get_state())) < 30_000
        assert not any(isinstance(value, bytes) for value in panel.get_state().values())
        sent = sent_by(panel)
        panel._handle_custom_msg({"do": "hello"}, [])
        ((message, buffers),) = sent
        assert message["picture"] == [64, 64] and len(buffers[-1]) == 64 * 64


def test_a_hidden_patch_is_grey_and_the_rest_as_it_was():
    image = torch.randint(255, (1, 16, 16), dtype=torch.uint8)
    hidden = hide(image, 4, 8, 5)
    assert len(hidden[0, 4:9, 8:13].unique()) == 1
    changed = (hidden != image)[0].nonzero()
    assert changed.min(0).values.tolist() >= [4, 8] and changed.max(0).values.tolist() <= [8, 12]
    everywhere = hide_everywhere(image, side=8, step=4)
    assert everywhere.shape == (3, 3, 1, 16, 16)
    assert torch.equal(everywhere[1, 2], hide(image, 4, 8, 8))


def test_hiding_the_evidence_changes_the_answer():
    def is_bright_on_the_left(images):
        left = images[..., :8].float().mean(dim=(1, 2, 3)) / 255
        return torch.stack([5 * left, 1.9 + 0 * left], dim=1)

    image = torch.zeros(1, 16, 16, dtype=torch.uint8)
    image[..., 4:8] = 255
    panel = HidePatch(is_bright_on_the_left, image, ["left", "dark"], side=8)
    panel.place = [0, 8]
    assert panel.names == ["left", "dark"] and panel.says.endswith("says left.")
    assert panel.shares[0] == pytest.approx(panel.whole[0])
    panel.place = [4, 4]
    assert panel.says.endswith("says dark.") and panel.shares[0] < panel.whole[0]
    assert sum(panel.shares) == pytest.approx(1)


def test_an_error_of_the_network_is_a_line_and_goes_away():
    fails = []

    def ask(images):
        if fails:
            raise ValueError("no")
        return torch.zeros(len(images), 2)

    panel = HidePatch(ask, torch.zeros(1, 16, 16), ["a", "b"])
    fails.append(True)
    panel.place = [3, 3]
    assert panel.error == "ValueError: no"
    fails.clear()
    panel.place = [4, 4]
    assert panel.error == ""
