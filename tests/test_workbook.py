"""The frame: import order, the notebooks' form, the runner, the command line, the figures."""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace

import matplotlib
import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

from helpers import curves, plots
from helpers.alexnet_recipes import ALL_RECIPES, find_recipe
from helpers.augmentation import Augmentation
from helpers.commands import cli
from helpers.commands import run as runner
from helpers.commands.options import read_seeds, wrapped
from helpers.commands.pictures import shrink_pictures
from helpers.commands.train import run_seeds, save_result
from helpers.data import Scenes, Split, prepare
from helpers.extra import trained
from helpers.files import NOTEBOOKS, ROOT, WorkbookError, atomic_write
from helpers.maker.bench_house import first_cell_s, tree_of
from helpers.maker.tune import save_tried, try_settings
from helpers.recipes import train_by_recipe
from helpers.results import load_result, summary
from helpers.tried import load_tried

matplotlib.use("Agg")


@pytest.mark.parametrize("path", runner.all_notebooks(), ids=lambda path: path.stem)
def test_a_notebook_is_as_the_grader_and_the_report_expect_it(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    tags = [set(cell.metadata.get("tags", [])) for cell in notebook.cells]
    names = {c.metadata["exercise"] for c, t in zip(notebook.cells, tags) if "exercise" in t}
    for cell, tag in zip(notebook.cells, tags):
        if "exercise" in tag:
            begun, ended = (cell.source.count(f"# {word} SOLUTION") for word in ("BEGIN", "END"))
            assert 1 <= begun == ended  # a class has one for each method
            assert cell.metadata["points"] > 0
        if "check" in tag:
            assert "nbval-check-output" in tag and cell.metadata["exercise"] in names
            assert cell.outputs[0].text == f"{cell.metadata['exercise']}: right\n"
        if "answer" in tag:
            assert cell.metadata["question"] and len(cell.source) > 100
        if cell.cell_type == "code" and "gallery" not in tag:
            assert "show_classes" not in cell.source, (
                "a cell that shows pictures of the data set is a gallery"
            )


def _write_notebook(folder, name, *sources):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources]
    )
    nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture
def own_notebooks(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "NOTEBOOKS", tmp_path)
    _write_notebook(tmp_path, "part1_bad", "1 / 0")
    _write_notebook(
        tmp_path,
        "part2_good",
        "from tqdm.auto import tqdm\nfor _ in tqdm(range(3), leave=False): pass",
        "6 * 7",
    )
    return tmp_path


def test_run_goes_on_after_a_failing_notebook_and_says_why(own_notebooks):
    assert runner.run_notebooks(runner.find_notebooks()) == {
        "part1_bad": "ZeroDivisionError: division by zero"
    }


def test_notebooks_run_side_by_side_and_the_conclusion_after_all_others(
    own_notebooks, capsys, monkeypatch
):
    meet = """
import time, pathlib
pathlib.Path("{me}.here").touch()
while not pathlib.Path("{other}.here").exists(): time.sleep(0.05)
"""
    for me, other in (("part1_bad", "part2_good"), ("part2_good", "part1_bad")):
        _write_notebook(own_notebooks, me, meet.format(me=me, other=other))
    seen = "import pathlib; assert len(list(pathlib.Path().glob('*.here'))) == 2"
    _write_notebook(own_notebooks, "conclusion", seen)
    assert runner.run_notebooks(runner.find_notebooks(), jobs=2) == {}
    assert capsys.readouterr().out.splitlines()[-1].startswith("conclusion: ok")


def test_what_a_saved_run_may_publish_is_said_to_its_kernels_alone(own_notebooks):
    _write_notebook(
        own_notebooks, "part1_bad", "import os; assert os.environ['WORKBOOK_PUBLISH'] == '1'"
    )
    assert runner.run_notebooks(runner.find_notebooks(["1"]), save=True) == {}
    assert "WORKBOOK_PUBLISH" not in os.environ


def test_save_writes_outputs_back_without_the_remains_of_progress_bars(own_notebooks):
    runner.run_notebooks(runner.find_notebooks(["2"]), save=True)
    bar, answer = nbformat.read(own_notebooks / "part2_good.ipynb", as_version=4).cells
    assert bar.outputs == [] and answer.outputs[0].data["text/plain"] == "42"


def test_a_commit_that_is_none_is_named():
    with pytest.raises(WorkbookError, match="no commit nowhere"), tree_of("nowhere"):
        pass


def test_the_first_cell_is_timed_alone(own_notebooks):
    _write_notebook(own_notebooks, "part3_slow", "import time; time.sleep(0.3)", "time.sleep(60)")
    assert 0.3 < first_cell_s(own_notebooks / "part3_slow.ipynb", ROOT) < 30


def test_a_failing_notebook_is_not_written(own_notebooks):
    before = (own_notebooks / "part1_bad.ipynb").read_bytes()
    runner.run_notebooks(runner.find_notebooks(["1"]), save=True)
    assert (own_notebooks / "part1_bad.ipynb").read_bytes() == before


def test_parts_are_found_by_number_and_by_name():
    assert [path.stem for path in runner.find_notebooks(["3", "part1_standard_scaler"])] == [
        "part3_loss",
        "part1_standard_scaler",
    ]
    with pytest.raises(WorkbookError, match='no part "99"'):
        runner.find_notebooks(["99"])


def _workbook(*arguments, **environment):
    code = "from helpers.commands.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | environment
    )


def test_help_names_the_commands_without_importing_torch():
    code = """
import sys
sys.argv = ["workbook", "--help"]
from helpers.commands.cli import main
try:
    main()
finally:
    print("torch" in sys.modules)
"""
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    ).stdout
    assert output.endswith("False\n")
    for command in ("lab", "run", "data", "train", "tune", "bench"):
        assert f"\n  {command} " in output


@pytest.mark.parametrize("seeds", ["4-0", "0-", "x", "-1", ""])
def test_seeds_that_are_none_are_named(seeds):
    with pytest.raises(WorkbookError, match="--seeds is"):
        read_seeds(seeds)
    assert list(read_seeds("2")) == [2] and list(read_seeds("0-4")) == [0, 1, 2, 3, 4]


def test_results_are_not_overwritten_by_the_quick_profile():
    for command in ("train", "tune"):
        result = _workbook(command, "SimpleNet", WORKBOOK_PROFILE="quick")
        assert result.returncode == 1 and "unset WORKBOOK_PROFILE" in result.stderr


def test_a_mistake_on_the_command_line_is_a_sentence_and_no_traceback(tmp_path):
    result = _workbook("data", "--from", str(tmp_path / "absent.zip"))
    assert result.returncode == 1 and result.stderr.startswith(
        "workbook: There is no file or folder"
    )
    assert "Traceback" not in result.stderr


# --- recipes --------------------------------------------------------------------------------------


@pytest.fixture
def scenes():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (75, 1, 64, 64), dtype=torch.uint8, generator=generator)
    labels = torch.arange(75) % 15
    val = Split(torch.cat([images[:3], images[30:57] // 2]), labels[:30])
    return Scenes("test", Split(images, labels), val)


@pytest.fixture
def quick_recipe(monkeypatch, tmp_path):
    recipe = ALL_RECIPES["SimpleNet"]
    quick = replace(
        recipe, config=replace(recipe.config, num_epochs=2), grid={"learning_rate": (1e-3, 1e-9)}
    )
    monkeypatch.setitem(ALL_RECIPES, "SimpleNet", quick)
    for module in ("results", "tried"):
        monkeypatch.setattr(f"helpers.{module}.RESULTS", tmp_path)
    monkeypatch.setattr("helpers.results.MY_RUNS", tmp_path / "my_runs")


def test_a_saved_result_comes_back_with_every_seed(scenes, quick_recipe):
    result = run_seeds("SimpleNet", scenes, seeds=[0, 1])
    save_result(run_seeds("SimpleNet", scenes, seeds=[1]))
    save_result({**result, "runs": result["runs"][:1], "config": result["config"] | {"seed": [0]}})
    loaded = load_result("SimpleNet", "test")  # the runs of both calls
    assert [run["seed"] for run in loaded["runs"]] == [0, 1] and loaded["num_duplicates"] == 3
    accuracies = [run["history"][-1]["val_accuracy"] for run in loaded["runs"]]
    assert summary(loaded).startswith(f"{sum(accuracies) / 2:.3f} ± ")
    assert load_result("SimpleNet", "another") is None


def test_own_runs_are_kept_apart_from_those_that_come_with_the_workbook(
    scenes, quick_recipe, monkeypatch
):
    result = run_seeds("SimpleNet", scenes, seeds=[0])
    monkeypatch.setenv("WORKBOOK_PUBLISH", "1")
    shipped = save_result(result)
    monkeypatch.delenv("WORKBOOK_PUBLISH")
    own = save_result({**result, "config": result["config"] | {"seed": [7]}})
    assert own["config"]["seed"] == [7]
    assert load_result("SimpleNet", "test") == shipped


@pytest.mark.parametrize("name", ["SimpleNet", "SimpleNetDropout", "AlexNet-last-layer"])
def test_new_seeds_join_those_that_come_with_the_workbook(name):
    """The shipped settings are the recipe's, so a maker's seed 7 does not replace seeds 0 to 4."""
    recipe, shipped = ALL_RECIPES[name], load_result(name)["config"]
    settings = asdict(recipe.config) | {"augment": repr(recipe.augment), "seed": shipped["seed"]}
    assert settings == shipped


def test_runs_with_another_augmentation_are_not_mixed_with_these(scenes, quick_recipe, monkeypatch):
    save_result(run_seeds("SimpleNet", scenes, seeds=[0]))
    monkeypatch.setitem(
        ALL_RECIPES, "SimpleNet", replace(ALL_RECIPES["SimpleNet"], augment=Augmentation())
    )
    save_result(run_seeds("SimpleNet", scenes, seeds=[1]))
    loaded = load_result("SimpleNet", "test")
    assert [run["seed"] for run in loaded["runs"]] == [1] == loaded["config"]["seed"]


def test_dropouts_recipe_learns_from_images_twice_as_large_as_those_it_is_measured_on(scenes):
    large = Scenes(
        "test",
        *(
            Split(s.images.repeat_interleave(2, 2).repeat_interleave(2, 3), s.labels)
            for s in (scenes.train, scenes.val)
        ),
    )
    train, val = ALL_RECIPES["SimpleNetDropout"].prepare(large)
    plain_train, plain_val = prepare(scenes)
    torch.testing.assert_close(val.images, plain_val.images)
    torch.testing.assert_close(train.images[:, :, ::2, ::2], plain_train.images)
    quick = replace(ALL_RECIPES["SimpleNetDropout"].config, num_epochs=1, device="cpu")
    _, history = train_by_recipe(ALL_RECIPES["SimpleNetDropout"], train, val, quick)
    assert len(history) == 1


def test_settings_are_tried_on_training_images_alone(scenes, quick_recipe):
    forbidden, halves = Scenes("test", scenes.train, None), torch.arange(60).chunk(2)
    table = try_settings("SimpleNet", forbidden, [(0, *halves), (1, *halves[::-1])], jobs=1)
    assert sorted(table["learning_rate"]) == [1e-9, 1e-3] and table["count"].tolist() == [2, 2]
    assert (table["mean"].diff().dropna() <= 0).all()


def test_settings_tried_before_are_kept_and_a_second_try_replaces_the_first(scenes, quick_recipe):
    table = try_settings("SimpleNet", scenes, [(0, *torch.arange(60).chunk(2))], jobs=1)
    save_tried("test", "SimpleNet", table)
    save_tried("test", "SimpleNet", table[:1].assign(learning_rate=0.5, mean=0.99))
    save_tried("test", "SimpleNet", table[:1].assign(mean=0.0))
    tried = load_tried("test", "SimpleNet")
    assert len(tried) == 3 and tried["mean"].iloc[0] == 0.99 and tried["mean"].iloc[-1] == 0.0


def test_a_trained_network_comes_from_the_cache_the_second_time(scenes, quick_recipe, monkeypatch):
    first = trained.trained("SimpleNet", scenes)
    monkeypatch.setattr(trained, "train_by_recipe", None)  # another training would fail
    second = trained.trained("SimpleNet", scenes)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters()))
    with pytest.raises(TypeError):
        trained.trained("SimpleNet", scenes, seed=1)


def test_a_shipped_network_is_taken_where_it_was_trained_in_the_same_way(
    scenes, quick_recipe, monkeypatch, tmp_path
):
    monkeypatch.setattr(trained, "DATA", tmp_path)
    path = trained.shipped_path("SimpleNet", scenes.name, 0)
    config = trained.for_profile(trained.ALL_RECIPES["SimpleNet"].config)
    state = {"fc_layers.3.bias": torch.arange(15.0)}
    trained.write(
        {
            "how": trained.how_trained(
                "SimpleNet", config, trained.ALL_RECIPES["SimpleNet"].build()
            ),
            "state": state,
        },
        path,
    )
    assert torch.equal(trained.trained("SimpleNet", scenes).fc_layers[3].bias, torch.arange(15.0))
    trained.write({"how": "otherwise", "state": state}, path)
    assert not torch.equal(
        trained.trained("SimpleNet", scenes).fc_layers[3].bias, torch.arange(15.0)
    )
    path.write_bytes(b"damaged")
    assert not torch.equal(
        trained.trained("SimpleNet", scenes).fc_layers[3].bias, torch.arange(15.0)
    )


def test_an_unknown_recipe_is_named():
    assert find_recipe("simplenet") == "SimpleNet"
    with pytest.raises(WorkbookError, match='no recipe "ResNet"'):
        find_recipe("ResNet")


# --- figures --------------------------------------------------------------------------------------


def test_a_history_is_drawn_point_by_point():
    history = [
        {
            "epoch": e,
            "train_loss": 3 - e,
            "val_loss": 3,
            "train_accuracy": e / 4,
            "val_accuracy": 0.1,
        }
        for e in (1, 2)
    ]
    loss, accuracy = curves.plot_history(history)
    assert loss.lines[0].get_ydata().tolist() == [2, 1] and accuracy.lines[
        0
    ].get_ydata().tolist() == [0.25, 0.5]
    assert loss.get_ylabel() and accuracy.get_xlabel() == "epoch"


@pytest.mark.parametrize("num_epochs", [1, 2, 30])
def test_epochs_are_counted_in_whole_numbers(num_epochs):
    history = [{"epoch": e, "train_loss": 1 / e} for e in range(1, num_epochs + 1)]
    ax = plots.compare_histories({"one": history}, "train_loss", "loss")
    ax.figure.canvas.draw()
    ticks = ax.get_xticks()
    assert len(ticks) and (ticks == ticks.round()).all()


def test_a_place_that_cannot_be_written_to_is_one_sentence(tmp_path, monkeypatch):
    def write(*_):
        with atomic_write(tmp_path / "file" / "report.pdf") as temporary:
            temporary.touch()

    (tmp_path / "file").touch()
    monkeypatch.setattr("helpers.report.gather.make_report", write)
    monkeypatch.setattr(sys, "argv", ["workbook", "report"])
    with pytest.raises(SystemExit, match=r"^workbook: \S+/file cannot be used \(.*\)\. Name"):
        cli.main()
    (tmp_path / "file").unlink()
    (tmp_path / "file" / "report.pdf").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"^workbook: \S+/file/report.pdf cannot be used"):
        cli.main()


def test_a_terminal_breaks_no_word_of_a_message(monkeypatch):
    text = "Choose one of SimpleNet, SimpleNetDropout, AlexNet-last-layer.\nOr none."
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "24")
    lines = wrapped(text).splitlines()
    assert max(map(len, lines)) <= 24 and " ".join(lines) == text.replace("\n", " ")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert wrapped(text) == text, "a file gets each message in one line"


def test_a_grid_shows_every_picture_and_its_title():
    axes = plots.show_images(torch.zeros(7, 1, 4, 4), list("abcdefg"), num_columns=3)
    assert [ax.get_title() for ax in axes.flat if ax.images] == list("abcdefg") and axes.shape == (
        3,
        3,
    )


def test_one_picture_of_each_class_is_shown(scenes):
    assert [ax.get_title() for ax in plots.show_classes(scenes).flat] == list(scenes.class_names)


def test_class_counts_are_those_of_the_labels(scenes):
    heights = [bar.get_height() for bar in plots.plot_class_counts(scenes).patches]
    assert heights == [5] * 15 + [2] * 15


def test_a_live_figure_redraws_when_a_slider_moves():
    from helpers.widgets import live_figure, slider

    drawn = []

    def draw(rate):
        drawn.append(rate)
        return curves.plot_descent([0, rate], lambda w: w**2)

    panel = live_figure(draw, rate=slider("learning rate", 0.1, -3, 1, log=True))
    picture = panel.children[-2]  # its text follows, hidden
    before = picture.value
    panel.children[0].value = 1.0
    assert drawn == [0.1, 1.0] and picture.value != before and bytes(before[:4]) == b"\x89PNG"


def test_an_error_while_a_slider_moves_is_one_red_line_and_dims_the_picture():
    from helpers.widgets import live_figure, slider

    def draw(rate):
        ax = plots.new_axes()
        if rate > 0.5:
            raise ValueError("<too large>")
        return ax

    panel = live_figure(draw, rate=slider("rate", 0.1, 0.0, 1.0))
    moved, error, picture, _ = panel.children
    before, figures = picture.value, plots.plt.get_fignums()
    moved.value = 0.9
    assert "ValueError: &lt;too large&gt;" in error.value and "alert" in error.value
    assert picture.value == before and "not-true" in picture._dom_classes
    assert plots.plt.get_fignums() == figures, "a figure half drawn would come up in the next cell"
    moved.value = 0.3
    assert error.value == "" and "not-true" not in picture._dom_classes
    assert moved.continuous_update, "it is drawn while one drags"


def test_an_error_in_the_first_figure_is_that_of_the_cell():
    from helpers.widgets import live_figure

    with pytest.raises(ZeroDivisionError):
        live_figure(lambda: 1 / 0)


def test_environment_yml_lists_no_dependency_twice():
    text = (ROOT / "environment.yml").read_text()
    assert "-e .[test]" in text and "torch" not in text


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_no_file_of_the_repository_holds_a_path_of_a_machine():
    result = subprocess.run(
        ["git", "grep", "-lE", "/(hom[e]|User[s]|roo[t])/[a-z]"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.stdout == ""
    assert NOTEBOOKS.is_dir()


def test_stored_figures_are_pictures_that_need_no_trust():
    for path in runner.all_notebooks():
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                kinds = set(output.get("data", {}))
                assert "image/svg+xml" not in kinds, f"{path.stem} {cell.id}"
                assert "Figure size" not in output.get("data", {}).get("text/plain", "") or (
                    "image/png" in kinds
                )


def test_a_saved_figure_is_small_and_keeps_size_and_resolution():
    pixels = np.random.default_rng(0).normal(128, 20, (90, 120, 3)).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", dpi=(200, 200))
    content = base64.b64encode(buffer.getvalue()).decode()
    output = nbformat.v4.new_output("display_data", {"image/png": content})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output])])
    shrink_pictures(notebook)
    small = notebook.cells[0].outputs[0].data["image/png"]
    assert len(small) < len(content) / 2
    with Image.open(io.BytesIO(base64.b64decode(small))) as image:
        assert image.size == (120, 90) and image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
        assert np.abs(np.asarray(image.convert("RGB"), float) - pixels).mean() < 20
    shrink_pictures(notebook)
    assert notebook.cells[0].outputs[0].data["image/png"] == small


def test_each_notebook_leads_to_the_one_before_and_the_next():
    paths = runner.all_notebooks()
    for before, path, after in zip([None, *paths], paths, [*paths[1:], None]):
        cells = nbformat.read(path, as_version=4).cells
        for cell in (cells[0], cells[-1]):
            links = re.findall(r"\]\((\w+\.ipynb)\)", cell.source)
            assert links == [neighbour.name for neighbour in (before, after) if neighbour]
