"""Studies and the panel: every run happens once and can be repeated; nothing breaks the panel."""

import json
import math
import subprocess
import sys
import time
from dataclasses import asdict, replace

import pytest
import torch

from helpers.data import Scenes, Split
from helpers.extra import figures, rerun, studio, tables
from helpers.extra import study as ablation
from helpers.extra.rerun import StudyPanel
from helpers.extra.runs import make_material, run_alone, train_run
from helpers.extra.settings import SIMPLE_NET, Settings, SimpleNetVariant
from helpers.extra.studio import AblationPanel
from helpers.extra.study import grid, one_at_a_time, run_study
from helpers.extra.tables import summarise
from helpers.files import WorkbookError
from helpers.models import SimpleNet, num_parameters

FAST = replace(SIMPLE_NET, num_epochs=2, batch_size=64, learning_rate=1e-3)


@pytest.fixture
def material():
    """150 images that a network can tell apart: the brightness of each class is its own."""
    torch.manual_seed(0)
    labels = torch.arange(150) % 15
    images = (labels.view(-1, 1, 1, 1) * 15 + 20 * torch.rand(150, 1, 64, 64)).to(torch.uint8)
    return make_material(Scenes("test", Split(images, labels), Split(images[:30], labels[:30])))


@pytest.fixture
def full(monkeypatch):
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")


# --- settings and studies -------------------------------------------------------------------------


def test_the_default_settings_are_simplenet_itself():
    torch.manual_seed(3)
    simple_net, images = SimpleNet(), torch.rand(2, 1, 64, 64)
    assert torch.equal(SIMPLE_NET.build(3)(images), simple_net(images))


@pytest.mark.parametrize(
    "sizes", [{"kernel_size": 9}, {"depth": 1}, {"depth": 4, "kernel_size": 9}, {"width": 40}]
)
def test_every_size_gives_logits_and_other_parameters(sizes):
    network = SimpleNetVariant(**sizes)
    assert network(torch.rand(2, 1, 64, 64)).shape == (2, 15) and num_parameters(network) != 56_895


def test_a_grid_holds_every_combination_and_one_at_a_time_one_change():
    study = grid("a", learning_rate=(1.0, 2.0), batch_size=(8, 16, 32))
    assert len(set(study.settings)) == 6 and study.varied == ("learning_rate", "batch_size")
    study = one_at_a_time("a", depth=(1, 3), width=(5, 10))
    assert study.settings == (
        SIMPLE_NET,
        replace(SIMPLE_NET, depth=1),
        replace(SIMPLE_NET, depth=3),
        replace(SIMPLE_NET, width=5),
    )


def test_the_held_out_images_are_not_learned_from(material):
    learned = {image.numpy().tobytes() for image in material.train.images}
    assert not learned & {image.numpy().tobytes() for image in material.held_out.images}
    assert len(material.held_out) == 15 * 5 and len(material.train) == 75


# --- runs -----------------------------------------------------------------------------------------


def test_the_same_settings_and_seed_give_the_same_run_and_another_seed_another(material):
    first, again, other = (run_alone(FAST, seed, material) for seed in (0, 0, 1))
    without_times = lambda run: [
        {k: v for k, v in row.items() if k != "seconds"} for row in run["history"]
    ]
    assert without_times(first) == without_times(again) != without_times(other)
    assert (
        first["held_out_accuracy"] == first["history"][-1]["val_accuracy"]
        and [row["epoch"] for row in first["history"]] == [2]  # the last alone is evaluated
    )


def test_a_learning_rate_of_10_is_called_diverged(material):
    run = run_alone(replace(FAST, learning_rate=10.0), 0, material)
    assert run["status"] == "diverged" and "val_accuracy" not in run


@pytest.fixture
def counted(monkeypatch):
    """Count the runs that are trained, and measure no times."""
    trained = []

    def counting(settings, seed, material, num_threads=None):
        trained.append((settings.learning_rate, seed))
        return run_alone(settings, seed, material)

    monkeypatch.setattr(ablation, "run_alone", counting)
    monkeypatch.setattr(
        ablation, "measure_times", lambda *_: {"training_s": 1.0, "inference_ms": 2.0}
    )
    return trained


def test_a_study_runs_each_setting_and_seed_once_and_new_images_are_run_anew(
    material, full, counted
):
    study = grid("rates", FAST, seeds=(0, 1), learning_rate=(1e-3, 1e-2))
    runs = run_study(study, material, jobs=1)
    assert [(run["learning_rate"], run["seed"]) for run in runs] == [
        (1e-3, 0),
        (1e-3, 1),
        (1e-2, 0),
        (1e-2, 1),
    ]
    assert run_study(study, material, jobs=1) == runs and len(counted) == 4
    other = replace(material, train=Split(material.train.images.flip(-1), material.train.labels))
    run_study(study, other, jobs=1)
    assert len(counted) == 8


def test_the_button_runs_the_chosen_study_here_and_shows_its_table(material, full, counted):
    first, second = (grid(name, FAST, seeds=(0,), learning_rate=(1e-3,)) for name in "ab")
    panel = StudyPanel([first, second], material)
    panel.menu.value = second
    panel.button.click()
    assert counted == [(1e-3, 0)] and not panel.button.disabled


def test_an_error_of_the_chosen_study_is_a_sentence_and_the_button_stays(
    material, full, monkeypatch
):
    def refuse(*_, **__):
        raise WorkbookError("no room on the disk.")

    monkeypatch.setattr(rerun, "run_study", refuse)
    panel = StudyPanel([grid("a", FAST, learning_rate=(1e-3,))], material)
    panel.button.click()
    assert "no room on the disk." in str(panel.output.outputs) and not panel.button.disabled


def test_what_ended_before_an_interrupt_is_kept(material, full, counted, monkeypatch):
    study = grid("rates", FAST, seeds=(0, 1, 2), learning_rate=(1e-3,))
    counting = ablation.run_alone

    def interrupted(settings, seed, *rest):
        if seed == 2:
            raise KeyboardInterrupt
        return counting(settings, seed, *rest)

    monkeypatch.setattr(ablation, "run_alone", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, material, jobs=1)
    monkeypatch.setattr(ablation, "run_alone", counting)
    assert len(run_study(study, material, jobs=1)) == 3 and counted == [
        (1e-3, 0),
        (1e-3, 1),
        (1e-3, 2),
    ]


def test_a_damaged_run_is_run_again(material, full, counted, tmp_path):
    study = grid("rates", FAST, seeds=(0,), learning_rate=(1e-3,))
    first = run_study(study, material, jobs=1)
    for path in (tmp_path / "cache" / "runs").glob("*.json"):
        path.write_text(path.read_text()[:-5])
    again = run_study(study, material, jobs=1)
    assert again[0]["val_accuracy"] == first[0]["val_accuracy"] and len(counted) == 2


@pytest.mark.slow
def test_worker_processes_give_what_this_process_gives(material, full, tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "measure_times", lambda *_: {})
    study = grid("rates", FAST, seeds=(0, 1), learning_rate=(1e-3,))
    beside = run_study(study, material, jobs=2)
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "other"))
    alone = run_study(study, material, jobs=1)
    for one, two in zip(beside, alone):
        # Sums may be taken in another order.
        assert one["train_accuracy"] == pytest.approx(two["train_accuracy"], abs=0.03)


def test_the_quick_profile_runs_one_seed_and_one_epoch(material, counted):
    runs = run_study(grid("rates", FAST, learning_rate=(1e-3, 1e-2)), material)
    assert [(run["seed"], run["num_epochs"]) for run in runs] == [(0, 1), (0, 1)]


def test_times_are_of_all_epochs_and_of_one_image(material):
    # Seconds per epoch.
    short, long = (
        ablation.measure_times(replace(FAST, num_epochs=n), material)["training_s"] / n
        for n in (2, 200)
    )
    assert 0.05 < short / long < 20
    assert 0 < ablation.measure_times(FAST, material)["inference_ms"] < 1000


# --- a cluster ------------------------------------------------------------------------------------


def test_a_scheduler_that_does_not_answer_is_named(material, full, monkeypatch):
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr("helpers.workers.CONNECT_S", 0.5)
    with pytest.raises(WorkbookError, match="No Dask scheduler answers at tcp://127.0.0.1:9"):
        run_study(grid("rates", FAST, learning_rate=(1e-3,)), material, cluster="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_a_local_cluster_of_worker_processes_gives_the_same_runs(
    material, full, monkeypatch, tmp_path
):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr(ablation, "measure_times", lambda *_: {})
    study = grid("rates", FAST, seeds=(0, 1, 2), learning_rate=(1e-3,))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        far = run_study(study, material, cluster=cluster.scheduler_address)
    kept = list((tmp_path / "cache" / "runs").glob("*.json"))
    monkeypatch.setenv("WORKBOOK_CACHE", str(tmp_path / "other"))
    near = run_study(study, material, jobs=1)
    assert [run["seed"] for run in far] == [0, 1, 2] and len(kept) >= 3
    for one, two in zip(far, near):
        assert one["train_accuracy"] == pytest.approx(two["train_accuracy"], abs=0.03)


# --- tables and figures ---------------------------------------------------------------------------


def make_runs(*accuracies, **changes):
    """Return runs as `run_study` would, one seed each, with these held-out accuracies."""
    return [
        ablation.asdict(replace(SIMPLE_NET, **changes))
        | {
            "seed": seed,
            "status": "finished",
            "train_accuracy": 0.9,
            "held_out_accuracy": a,
            "val_accuracy": a / 2,
        }
        | {"num_parameters": 10, "training_s": 1.0, "inference_ms": 2.0, "history": []}
        for seed, a in enumerate(accuracies)
    ]


def test_the_table_holds_mean_and_standard_deviation_over_seeds():
    runs = make_runs(0.4, 0.6, depth=1) + make_runs(0.5, depth=3)
    table = summarise(runs, ("depth",))
    assert table["depth"].tolist() == [1, 3] and table["held_out_accuracy"].tolist() == [0.5, 0.5]
    assert table["held_out_accuracy_std"][0] == pytest.approx(0.02**0.5) and math.isnan(
        table["val_accuracy_std"][1]
    )
    assert table["num_seeds"].tolist() == [2, 1]


def test_a_setting_with_a_diverged_run_has_no_accuracy():
    runs = make_runs(0.4, 0.6)
    runs[1] = {k: v for k, v in runs[1].items() if "accuracy" not in k} | {"status": "diverged"}
    assert math.isnan(summarise(runs, ("depth",))["val_accuracy"][0])


def test_the_best_and_its_ties_are_told_apart_from_the_rest():
    assert tables.ties_with_best([0.5, 0.58, 0.6, math.nan], [0.02] * 4) == (2, [1])
    assert tables.ties_with_best([math.nan], [0.1]) == (None, [])


def test_a_study_is_drawn_at_its_means():
    table = summarise(make_runs(0.4, 0.6, depth=1) + make_runs(0.5, 0.7, depth=3), ("depth",))
    ax = figures.plot_study(table, "depth")
    heights = [container.lines[0].get_ydata().tolist() for container in ax.containers]
    assert (
        heights[0] == [0.9, 0.9]
        and heights[1] == pytest.approx([0.5, 0.6])
        and heights[2] == pytest.approx([0.25, 0.3])
    )
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "3"] and ax.get_ylabel()


# --- the panel ------------------------------------------------------------------------------------


@pytest.fixture
def panel(material, tmp_path, monkeypatch):
    monkeypatch.setattr(studio, "DATA", tmp_path)
    return AblationPanel(material, base=FAST)


def train(panel, **values):
    panel.values = panel.values | values
    panel.handle({"do": "train"})
    panel.wait()


def column(panel, name):
    place = panel.columns.index(name)
    return [run["cells"][place] for run in panel.runs]


def test_moving_a_slider_trains_nothing(panel):
    panel.values = panel.values | {"learning_rate": 0.1}
    assert not panel.is_training() and "No runs yet" in panel.verdict


def test_train_draws_curves_and_adds_a_row_that_is_there_when_reopened(panel, material):
    train(panel, dropout=0.25)
    (run,) = panel.runs
    assert panel.drawn == ["run 1"] and "Run 1" in panel.status and panel.state == "idle"
    assert [row["epoch"] for row in run["history"]] == [1, 2]
    assert len(run["losses"]["values"]) == 2 * run["per_epoch"], "a point per batch"
    assert column(panel, "dropout") == ["0.25"] and run["mark"] == "best"
    reopened = AblationPanel(material, base=FAST)
    assert reopened.runs == panel.runs and reopened.kept[0]["dropout"] == 0.25


def test_stop_ends_a_run_at_its_next_batch_and_the_panel_goes_on(panel):
    panel.values = panel.values | {"num_epochs": 60}
    panel.train()
    assert panel.state == "running"
    panel.handle({"do": "stop"})
    start = time.perf_counter()
    panel.wait()
    assert time.perf_counter() - start < 5 and "Stopped" in panel.status and not panel.runs
    train(panel, num_epochs=1)
    assert len(panel.runs) == 1 and panel.state == "idle"


def test_a_run_is_stepped_and_goes_on_at_another_rate_which_the_table_says(panel):
    panel.handle({"do": "step"})
    for batch in (1, 2):
        wait_for(lambda batch=batch: panel.watch.batch == batch)
        assert panel.state == "paused" and panel.is_training()
        if batch == 1:
            panel.handle({"do": "step"})
    panel.handle({"do": "rate", "rate": 5e-4})
    panel.handle({"do": "go_on"})
    panel.wait()
    assert column(panel, "learning rate") == ["0.001 → 0.0005"]
    assert panel.runs[0]["rates"] == [[2, 5e-4]]


def wait_for(condition, seconds=120):
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline
        time.sleep(0.005)


def test_a_paused_run_can_be_stopped(panel):
    panel.handle({"do": "step"})
    wait_for(lambda: panel.watch.batch == 1)
    panel.handle({"do": "stop"})
    panel.wait()
    assert "Stopped" in panel.status and panel.state == "idle"


def test_an_exception_is_a_sentence_in_the_panel_which_stays_usable(panel, monkeypatch):
    monkeypatch.setattr(studio, "train_run", lambda *_, **__: 1 / 0)
    train(panel)
    assert "ZeroDivisionError" in panel.status and panel.is_error and panel.state == "idle"
    monkeypatch.setattr(studio, "train_run", train_run)
    train(panel)
    assert len(panel.runs) == 1 and not panel.is_error


def test_a_diverged_run_is_a_row_that_says_so(panel):
    train(panel, learning_rate=10.0)
    assert column(panel, "held out") == ["diverged"] and "smaller learning rate" in panel.status
    assert "No run has learned" in panel.verdict
    assert "NaN" not in json.dumps(panel.get_state()["runs"])


def test_settings_of_a_run_are_copied_back_to_the_sliders(panel):
    train(panel, dropout=0.25, kernel_size=3)
    panel.values = panel.values | {"dropout": 0.0, "kernel_size": 5}
    assert "dropout=0.25" in panel.runs[0]["code"]
    panel.handle({"do": "copy", "key": "run 1"})
    settings, seed = panel.settings()
    assert settings.dropout == 0.25 and settings.kernel_size == 3 and seed == 0


def test_train_uses_the_values_that_come_with_it(panel):
    panel.handle({"do": "train", "values": panel.values | {"num_epochs": 1}})
    panel.wait()
    assert len(panel.runs[0]["history"]) == 1


def test_whole_numbers_stay_whole_as_the_browser_sends_them(panel):
    panel.values = panel.values | {"weight_decay": 1, "num_epochs": 3.0}
    settings, _ = panel.settings()
    assert repr((settings.weight_decay, settings.num_epochs)) == "(1.0, 3)"


@pytest.mark.slow
def test_a_run_can_be_removed_and_its_number_is_not_used_for_another(panel):
    train(panel)
    train(panel)
    panel.handle({"do": "remove", "key": "run 1"})
    assert [run["key"] for run in panel.runs] == ["run 2"] == panel.drawn
    train(panel)
    assert [run["key"] for run in panel.runs] == ["run 2", "run 3"]


def test_runs_too_close_to_tell_apart_are_called_ties():
    runs = [r | {"number": i} for i, r in enumerate(make_runs(0.60, 0.59, 0.3), start=1)]
    marks, verdict = studio.judged(runs, num_held_out=300)
    assert marks == ["best", "tie", ""]
    assert "run 1. Too close to tell from it, within one standard error: run 2." in verdict


def test_a_damaged_table_of_runs_is_kept_aside_and_said(panel, material, tmp_path):
    train(panel)
    path = next((tmp_path / "my_runs").glob("*.json"))
    path.write_text("[{")
    reopened = AblationPanel(material, base=FAST)
    assert "damaged" in reopened.status and path.with_suffix(".damaged").read_text() == "[{"


def test_pictures_are_sent_and_never_kept_in_the_saved_state(panel, material, monkeypatch):
    sent = []
    monkeypatch.setattr(
        panel, "send", lambda message, buffers=None: sent.append((message, buffers))
    )
    panel.handle({"do": "hello"})
    train(panel)
    (hello, [pictures]), looks = sent[0], [b for m, b in sent if "look" in m]
    assert len(pictures) == 6 * 64 * 64 and hello["pictures"]["shape"] == [6, 64, 64]
    assert looks and [len(b) for b in looks[0]] == [10 * 5 * 5, 10 * 60 * 60]
    state = json.dumps(panel.get_state(), default=lambda value: pytest.fail(repr(value)))
    assert len(state) < 60_000


def test_where_no_widget_can_be_shown_a_sentence_stands_for_the_panel(panel):
    assert "JupyterLab" in repr(panel)


def test_the_settings_of_a_panel_can_be_few(material, tmp_path, monkeypatch):
    monkeypatch.setattr(studio, "DATA", tmp_path)
    panel = AblationPanel(material, "dropout", choices=("dropout",), base=FAST)
    assert list(panel.values) == ["dropout", "seed"] and panel.settings() == (FAST, 0)


def test_dask_is_not_imported_before_it_is_needed():
    code = "import sys, helpers.widgets; print('distributed' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
        == "False\n"
    )


def test_runs_are_kept_as_plain_json(panel, tmp_path):
    train(panel)
    kept = json.loads(next((tmp_path / "my_runs").glob("*.json")).read_text())
    assert kept[0]["number"] == 1 and Settings(
        **{k: kept[0][k] for k in ablation.asdict(SIMPLE_NET)}
    )


def test_a_study_that_comes_with_the_workbook_is_not_run_again(
    material, full, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(ablation, "RESULTS", tmp_path)
    monkeypatch.setattr(ablation, "_run_missing", lambda *_: pytest.fail("it ran"))
    small = grid("a small study", seeds=(0,), width=(4, 8))
    runs = [asdict(settings) | {"seed": 0, "val_accuracy": 0.5} for settings in small.settings]
    path = ablation.study_path(small, "15-scene")
    ablation._write(path, {"machine": "another machine", "runs": runs})
    assert (
        run_study(small, replace(material, name="15-scene")) == runs
        and "made on another machine" in capsys.readouterr().out
    )
    other = replace(small, seeds=(0, 1))
    assert ablation.load_study(other, "15-scene") is None, "other seeds are another study"
