"""Finding data: the right file, or one sentence that says what to do."""

import hashlib
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nnarena.tasks.files import DataFolder, DataProblem, LocalFolder, RemoteFile


CONTENT = b"the published bytes"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def remote(*mirrors: str) -> RemoteFile:
    return RemoteFile("set/data.bin", DIGEST, mirrors or ("http://127.0.0.1:9/none",))


def put(folder, content: bytes = CONTENT):
    path = folder / "set" / "data.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def server():
    """A server of this machine that knows /right and /wrong; returns its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = {"/right": CONTENT, "/wrong": b"something else"}.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _directly(monkeypatch):
    """No proxy stands between a test and its own machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    logging.getLogger("pooch").setLevel(logging.CRITICAL)


def told(folder: DataFolder, file: RemoteFile) -> str:
    with pytest.raises(DataProblem) as caught:
        folder.find(file)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "data.bin" in sentence
    return sentence


def test_found_in_the_users_folder(tmp_path):
    path = put(tmp_path / "root")
    assert DataFolder(tmp_path / "root").find(remote()) == path


def test_the_users_folder_comes_before_the_cache(tmp_path):
    path = put(tmp_path / "root")
    put(tmp_path / "cache")
    folder = DataFolder(tmp_path / "root", tmp_path / "cache")
    assert folder.find(remote()) == path


def test_found_in_the_cache(tmp_path):
    path = put(tmp_path / "cache")
    assert DataFolder(tmp_path / "root", tmp_path / "cache").find(remote()) == path


def test_a_file_with_a_wrong_digest(tmp_path):
    path = put(tmp_path, b"half of it")
    sentence = told(DataFolder(tmp_path), remote("http://example.org/data.bin"))
    assert f"the file {path} is not the published one" in sentence
    assert "delete it and fetch it from http://example.org/data.bin" in sentence


def test_missing_and_downloads_are_off(tmp_path):
    sentence = told(DataFolder(tmp_path), remote())
    assert str(tmp_path / "set" / "data.bin") in sentence
    assert "downloads are off; set NNARENA_DATA to a folder that holds" in sentence


def test_missing_and_no_folder_is_set():
    assert "NNARENA_DATA, which is not set" in told(DataFolder(), remote())


def test_downloaded_into_the_cache(tmp_path, server):
    path = DataFolder(None, tmp_path).find(remote(f"{server}/right"))
    assert path == tmp_path / "set" / "data.bin"
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["data.bin"]


def test_the_next_mirror_serves_where_the_first_does_not(tmp_path, server):
    file = remote(f"{server}/absent", f"{server}/wrong", f"{server}/right")
    assert DataFolder(None, tmp_path).find(file).read_bytes() == CONTENT


def test_nothing_is_left_of_a_wrong_download(tmp_path, server):
    sentence = told(DataFolder(None, tmp_path), remote(f"{server}/wrong"))
    assert f"could not be downloaded from {server}/wrong" in sentence
    assert f"put the file at {tmp_path / 'set' / 'data.bin'}" in sentence
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_every_mirror_that_failed_is_told(tmp_path, server):
    file = remote(f"{server}/absent", f"{server}/wrong")
    sentence = told(DataFolder(None, tmp_path), file)
    assert f"{server}/absent (HTTPError) or {server}/wrong (ValueError)" in sentence


FOLDER = LocalFolder("set", {"data.bin": DIGEST, "notes.txt": None}, "fetch the set")


def put_both(folder):
    path = put(folder)
    (path.parent / "notes.txt").write_text("anything")
    return path.parent


def told_of_folder(folder: DataFolder) -> str:
    with pytest.raises(DataProblem) as caught:
        folder.folder(FOLDER)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "fetch the set" in sentence
    return sentence


@pytest.mark.parametrize("where", ["root", "cache"])
def test_a_folder_is_found(tmp_path, where):
    place = put_both(tmp_path / where)
    (place / "other.bin").write_bytes(b"not listed")
    found = DataFolder(tmp_path / "root", tmp_path / "cache").folder(FOLDER)
    assert found == [place / "data.bin", place / "notes.txt"]


def test_a_folder_that_is_nowhere(tmp_path):
    sentence = told_of_folder(DataFolder(tmp_path / "root", tmp_path / "cache"))
    assert "the folder set (data.bin and 1 more) was looked for at" in sentence
    for where in ("root", "cache"):
        assert str(tmp_path / where / "set") in sentence
    assert "NNARENA_DATA, which is not set" in told_of_folder(DataFolder())


def test_a_folder_that_lacks_a_file(tmp_path):
    place = put_both(tmp_path)
    (place / "notes.txt").unlink()
    sentence = told_of_folder(DataFolder(tmp_path))
    assert f"the file {place / 'notes.txt'} is missing" in sentence


def test_a_folder_with_a_wrong_file(tmp_path):
    place = put_both(tmp_path)
    (place / "data.bin").write_bytes(b"half of it")
    sentence = told_of_folder(DataFolder(tmp_path))
    assert f"the file {place / 'data.bin'} is not the one that was measured" in sentence
    assert f"not {DIGEST[:12]}..." in sentence
