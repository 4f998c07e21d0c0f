"""Finding, decoding and caching the photographs, also when they are not as they should be."""

import os
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from conftest import write_pictures
from PIL import Image

from helpers import data
from helpers.commands.train import is_duplicate
from helpers.data import (
    Split,
    batches,
    compute_mean_and_std,
    first,
    load_folder,
    load_scenes,
    normalise,
)
from helpers.files import ROOT, WorkbookError, atomic_write, cache_folder
from helpers.sources import cache
from helpers.sources import photographs as sources
from helpers.subsets import hold_out


def test_a_folder_of_train_and_test_is_read_whole(scenes_folder):
    scenes = load_folder(scenes_folder, size=16)
    assert scenes.train.images.shape == (45, 1, 16, 16) and scenes.train.images.dtype == torch.uint8
    assert scenes.val.labels.tolist() == [label for label in range(15) for _ in range(2)]


def test_the_archives_own_folders_are_split_by_the_list_of_names(tmp_path):
    for number, name in enumerate(sources.ARCHIVE_NAMES):
        write_pictures(tmp_path / "scene_categories" / name, 40, number)
    parts = sources.list_images(tmp_path)
    names = set(sources.VALIDATION_NAMES.read_text().split())
    assert len(parts["train"]) + len(parts["val"]) == 15 * 40
    for path, label in parts["val"]:
        assert f"{data.CLASS_NAMES[label]}/{path.name}" in names
        assert sources.ARCHIVE_NAMES[path.parent.name] == data.CLASS_NAMES[label]


def test_the_list_of_validation_names_holds_100_a_class():
    classes = [name.split("/")[0] for name in sources.VALIDATION_NAMES.read_text().split()]
    assert {name: classes.count(name) for name in data.CLASS_NAMES} == dict.fromkeys(
        data.CLASS_NAMES, 100
    )


def test_scenes_dir_may_name_a_zip(scenes_folder, tmp_path, monkeypatch):
    archive = shutil.make_archive(str(tmp_path / "scenes"), "zip", scenes_folder)
    monkeypatch.setenv("SCENES_DIR", archive)
    monkeypatch.setenv("WORKBOOK_PROFILE", "full")
    assert torch.equal(load_scenes(16).train.images, load_folder(scenes_folder, 16).train.images)


def test_a_scenes_dir_that_does_not_exist_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SCENES_DIR", str(tmp_path / "nowhere"))
    with pytest.raises(WorkbookError, match="nowhere, which is not a folder"):
        load_scenes()


def test_without_photographs_the_mini_scenes_say_so(monkeypatch, capsys):
    monkeypatch.setattr(sources, "SCENES_FOLDER", ROOT / "no-such-folder")
    monkeypatch.setattr(data.mini_scenes, "draw_mini_scenes", lambda size, *_: _tiny_scenes(size))
    scenes = load_scenes(16)
    assert scenes.name == "mini-scenes"
    assert "built-in mini scenes" in capsys.readouterr().out


def _tiny_scenes(size):
    labels = np.arange(15).repeat(20)
    images = np.zeros((300, size, size), dtype=np.uint8)
    return images, labels, images[:150], labels[:150]


def test_a_missing_class_is_named(scenes_folder):
    shutil.rmtree(scenes_folder / "train" / "Kitchen")
    (scenes_folder / "train" / "Kitchen").write_text("a file of that name is no folder")
    with pytest.raises(WorkbookError, match="train has no folder for the class Kitchen"):
        load_folder(scenes_folder, 16)


def test_an_empty_class_is_named(scenes_folder):
    for path in (scenes_folder / "test" / "Forest").iterdir():
        path.unlink()
    with pytest.raises(WorkbookError, match="Forest holds no images"):
        load_folder(scenes_folder, 16)


def test_a_truncated_jpeg_is_named(scenes_folder):
    path = scenes_folder / "train" / "Coast" / "image_0002.jpg"
    path.write_bytes(path.read_bytes()[:-120])
    with pytest.raises(WorkbookError, match="image_0002.jpg cannot be read as an image"):
        load_folder(scenes_folder, 16)


def test_a_text_file_called_jpg_is_named(scenes_folder):
    (scenes_folder / "train" / "Coast" / "notes.jpg").write_text("not a picture")
    with pytest.raises(WorkbookError, match="notes.jpg cannot be read as an image"):
        load_folder(scenes_folder, 16)


def test_other_files_in_a_class_folder_are_passed_over(scenes_folder):
    (scenes_folder / "train" / "Coast" / "Thumbs.db").write_bytes(b"x")
    (scenes_folder / "train" / "Coast" / "._image_0001.jpg").write_bytes(b"x")
    assert len(load_folder(scenes_folder, 16).train) == 45


def test_colour_and_grey_pictures_decode_alike(tmp_path):
    pixels = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    Image.fromarray(pixels).save(tmp_path / "grey.png")
    Image.fromarray(np.stack([pixels] * 3, axis=-1)).save(tmp_path / "colour.png")
    assert np.array_equal(
        data.decode_image(tmp_path / "grey.png", 32), data.decode_image(tmp_path / "colour.png", 32)
    )


def test_a_second_load_reads_the_cache(scenes_folder, monkeypatch):
    once = load_folder(scenes_folder, 16)
    monkeypatch.setattr(data, "decode_images", lambda *_: pytest.fail("decoded again"))
    assert torch.equal(load_folder(scenes_folder, 16).train.images, once.train.images)


def test_a_changed_file_is_noticed(scenes_folder):
    before = load_folder(scenes_folder, 16)
    Image.new("L", (20, 20), 255).save(scenes_folder / "train" / "Bedroom" / "image_0001.jpg")
    after = load_folder(scenes_folder, 16)
    assert after.train.images[0].min() > 250 and not torch.equal(
        before.train.images[0], after.train.images[0]
    )
    assert len(list(cache_folder().glob("*.npz"))) == 1, "the older cache is removed"


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[: len(raw) // 2], lambda raw: raw[:2000] + b"\0\xff" + raw[2002:]]
)
def test_a_damaged_cache_is_rebuilt(scenes_folder, damage):
    right = load_folder(scenes_folder, 16)
    path = next(cache_folder().glob("*.npz"))
    path.write_bytes(damage(path.read_bytes()))
    assert torch.equal(load_folder(scenes_folder, 16).train.images, right.train.images)


def test_a_cache_of_an_older_version_is_not_believed(scenes_folder, monkeypatch):
    load_folder(scenes_folder, 16)
    decoded = []
    original = data.decode_images
    monkeypatch.setattr(data, "decode_images", lambda *args: decoded.append(1) or original(*args))
    monkeypatch.setattr(cache, "CACHE_VERSION", cache.CACHE_VERSION + 1)
    load_folder(scenes_folder, 16)
    assert len(decoded) == 2  # train and test


def test_a_full_disk_costs_the_cache_and_nothing_else(scenes_folder, monkeypatch, capsys):
    def no_space(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "savez", no_space)
    assert len(load_folder(scenes_folder, 16).train) == 45
    assert "No space left on device" in capsys.readouterr().out
    assert list(cache_folder().iterdir()) == [], "the half-written file is gone"


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("ne")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.glob(".*")) == []


def _load_in_a_process(folder, cache):
    code = f"from helpers.data import load_folder; print(load_folder({str(folder)!r}, 16).train.images.sum().item())"
    environment = os.environ | {"WORKBOOK_CACHE": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_two_processes_may_build_the_cache_at_once(scenes_folder, tmp_path):
    processes = [_load_in_a_process(scenes_folder, tmp_path / "shared") for _ in range(2)]
    sums = [process.communicate()[0].split("\n")[-2] for process in processes]
    assert sums[0] == sums[1] and len(list((tmp_path / "shared").glob("*.npz"))) == 1


@pytest.mark.slow
def test_kill_9_while_the_cache_is_written_leaves_none_behind_that_is_believed(
    scenes_folder, tmp_path
):
    code = f"""
import os, signal
from helpers import data
def die(file, **arrays):
    file.write(b"half a cache"); file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
data.np.savez = die
data.load_folder({str(scenes_folder)!r}, 16)
"""
    environment = os.environ | {"WORKBOOK_CACHE": str(tmp_path / "killed")}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True
    )
    assert process.returncode == -9 and list((tmp_path / "killed").glob("*.npz")) == []
    output, _ = _load_in_a_process(scenes_folder, tmp_path / "killed").communicate()
    assert int(output.split("\n")[-2]) == load_folder(scenes_folder, 16).train.images.sum()


# --- subsets, mean and std, batches ---------------------------------------------------------------


def _numbered(num_images):
    images = torch.arange(num_images, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2)
    return Split(images, torch.arange(num_images) % 15)


def test_mean_and_std_are_those_of_all_pixels():
    images = torch.randint(0, 256, (70, 1, 8, 8), dtype=torch.uint8)
    mean, std = compute_mean_and_std(images, batch_size=32)
    assert mean == pytest.approx(images.double().mean().item() / 255)
    assert std == pytest.approx(images.double().std(correction=0).item() / 255)


def test_normalised_training_images_have_mean_0_and_std_1():
    split = Split(
        torch.randint(0, 256, (50, 1, 8, 8), dtype=torch.uint8), torch.zeros(50, dtype=torch.long)
    )
    images = normalise(split, *compute_mean_and_std(split.images)).images
    assert abs(images.mean()) < 1e-4 and images.std() == pytest.approx(1, abs=1e-3)


def test_batches_hold_every_image_once_in_a_new_order():
    split = _numbered(50)
    parts = list(batches(split, 16, torch.Generator().manual_seed(0)))
    order = torch.cat([part.images[:, 0, 0, 0] for part in parts]).tolist()
    assert [len(part) for part in parts] == [16, 16, 16, 2]
    assert sorted(order) == list(range(50)) and order != list(range(50))


def test_held_out_images_are_balanced_and_not_in_the_rest():
    rest, held_out = hold_out(_numbered(60), per_class=2)
    assert torch.bincount(held_out.labels).tolist() == [2] * 15
    seen = set(rest.images[:, 0, 0, 0].tolist()) | set(held_out.images[:, 0, 0, 0].tolist())
    assert len(rest) == 30 and len(seen) == 60


def test_first_takes_as_many_of_each_class():
    assert torch.bincount(first(_numbered(60), 3).labels).tolist() == [3] * 15


def test_duplicates_of_training_images_are_found():
    split = _numbered(10)
    scenes = data.Scenes(
        "test", split, Split(torch.cat([split.images[3:4], split.images[:1] + 100]), torch.zeros(2))
    )
    assert is_duplicate(scenes).tolist() == [True, False]


def test_a_zip_bomb_or_no_zip_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "scenes.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("bedroom/image_0001.jpg", b"0" * 1000)
    monkeypatch.setattr("helpers.sources.archive.MAX_UNPACKED_BYTES", 999)
    monkeypatch.setenv("SCENES_DIR", str(path))
    with pytest.raises(WorkbookError, match="more than 2 GB"):
        load_scenes()


def test_the_quick_profile_draws_the_first_of_the_same_scenes(monkeypatch):
    monkeypatch.setattr(sources, "SCENES_FOLDER", ROOT / "no-such-folder")
    monkeypatch.setenv("WORKBOOK_PROFILE", "quick")
    few, more = load_scenes(16), data.load_mini_scenes(16, 450, 300)
    assert len(few.train) == 300 and len(few.val) == 150
    assert torch.equal(few.train.images, data.first(more.train, 20).images)
    assert torch.equal(few.val.images, data.first(more.val, 10).images)
