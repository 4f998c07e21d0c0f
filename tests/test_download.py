"""The download, from a local server: mirrors, resume, digest, no network, hostile zips."""

import functools
import hashlib
import http.server
import socket
import threading
import zipfile

import pytest

from helpers.files import WorkbookError
from helpers.sources.archive import unpack
from helpers.sources.download import fetch_archive, install_scenes

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve CONTENT and honour Range.

    /short stops in the middle, /wrong sends other bytes, /missing is 404.
    """

    requests = []

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.requests.append((self.path, wanted))
        start = (
            int(wanted.removeprefix("bytes=").rstrip("-"))
            if wanted and self.path != "/norange"
            else 0
        )
        if self.path == "/missing":
            return self.send_error(404)
        if start >= len(CONTENT):
            return self.send_error(416)
        body = (b"x" * len(CONTENT) if self.path == "/wrong" else CONTENT)[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/short" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    Handler.requests = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def fetch(tmp_path):
    return functools.partial(fetch_archive, md5=MD5, folder=tmp_path / "downloads", timeout_s=2)


def test_the_archive_arrives_whole(address, fetch):
    assert fetch([f"{address}/good"]).read_bytes() == CONTENT


def test_the_next_mirror_is_tried(address, fetch):
    assert fetch([f"{address}/missing", f"{address}/good"]).read_bytes() == CONTENT


def test_a_broken_download_goes_on_where_it_stopped(address, fetch):
    with pytest.raises(WorkbookError, match="what has arrived is kept"):
        fetch([f"{address}/short"])
    assert fetch([f"{address}/good"]).read_bytes() == CONTENT
    assert Handler.requests[-1] == ("/good", f"bytes={len(CONTENT) // 2}-")


def test_a_server_that_cannot_go_on_in_the_middle_starts_anew(address, fetch):
    with pytest.raises(WorkbookError):
        fetch([f"{address}/short"])
    assert fetch([f"{address}/norange"]).read_bytes() == CONTENT


def test_a_wrong_file_is_thrown_away_and_named(address, fetch, tmp_path):
    with pytest.raises(
        WorkbookError, match=r"/wrong: the file that came is not the archive \(wrong md5\)"
    ):
        fetch([f"{address}/wrong"])
    assert list((tmp_path / "downloads").iterdir()) == []
    assert fetch([f"{address}/wrong", f"{address}/good"]).read_bytes() == CONTENT


def test_no_network_is_one_sentence_with_a_way_out(fetch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(
        WorkbookError, match="could not be downloaded.*workbook data --from"
    ) as error:
        fetch([f"http://127.0.0.1:{port}/scene_categories.zip"])
    assert "refused" in str(error.value)


def _zip(path, members):
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../outside.jpg", "/outside.jpg", "bedroom/../../outside.jpg"])
def test_a_member_that_would_land_elsewhere_is_refused(tmp_path, name):
    archive = _zip(tmp_path / "bad.zip", {"bedroom/image_0001.jpg": b"1", name: b"2"})
    with pytest.raises(WorkbookError, match="would land outside its folder"):
        unpack(archive, tmp_path / "deep" / "folder")
    assert not (tmp_path / "deep" / "folder").exists() and not list(tmp_path.rglob("outside.jpg"))


def test_a_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("bedroom/image_0001.jpg")
    link.external_attr = 0o120777 << 16
    with pytest.raises(WorkbookError, match="would land outside"):
        unpack(_zip(tmp_path / "bad.zip", {link: b"../../secret"}), tmp_path / "folder")


def test_a_file_that_is_no_zip_is_refused_and_the_old_folder_stays(tmp_path):
    old = tmp_path / "folder"
    old.mkdir()
    (old / "kept.jpg").write_bytes(b"1")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(WorkbookError, match="text.zip is not a readable zip file"):
        install_scenes(tmp_path / "text.zip", old)
    assert (old / "kept.jpg").exists()


def test_a_new_zip_takes_the_place_of_the_old_folder(tmp_path):
    folder = tmp_path / "folder"
    install_scenes(_zip(tmp_path / "a.zip", {"bedroom/a.jpg": b"1"}), folder)
    install_scenes(
        _zip(tmp_path / "b.zip", {"bedroom/b.jpg": b"1", "bedroom/._b.txt": b""}), folder
    )
    assert [path.name for path in folder.rglob("*.*")] == ["b.jpg"]


def test_a_source_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(WorkbookError, match="no file or folder .*absent.zip"):
        install_scenes(tmp_path / "absent.zip", tmp_path / "folder")
