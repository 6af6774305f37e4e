"""Finding data: the right file, or one sentence that says what to do."""

import contextlib
import gzip
import hashlib
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import pytest
import requests
import requests.adapters

from nnarena.tasks import download, mnist
from nnarena.tasks.download import https_session
from nnarena.tasks.files import DataFolder, DataProblem, LocalFolder, RemoteFile


CONTENT = b"the published bytes"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def remote(*mirrors: str) -> RemoteFile:
    mirrors = mirrors or ("https://127.0.0.1:9/none",)
    return RemoteFile("set/data.bin", DIGEST, len(CONTENT), mirrors)


def put(folder, content: bytes = CONTENT):
    path = folder / "set" / "data.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def server():
    """A server of this machine that knows some paths; returns its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            getattr(self, f"do_{self.path.strip('/')}", self.do_absent)()

        def do_right(self):
            self.answer(200, CONTENT)

        def do_wrong(self):
            self.answer(200, b"something of it"[: len(CONTENT)])

        def do_absent(self):
            self.answer(404, b"")

        def do_long(self):
            self.answer(200, CONTENT + b"!")

        def do_endless(self):
            self.answer(200, CONTENT * 10_000, told=2**40)

        def do_cut(self):
            self.answer(200, CONTENT[:5], told=len(CONTENT))

        def do_bomb(self):
            self.answer(200, gzip.compress(bytes(2**24)), encoding="gzip")

        def do_elsewhere(self):
            _, port = cast(tuple[str, int], self.server.server_address)
            self.answer(302, b"", location=f"http://localhost:{port}/right")

        def answer(self, status, content, told=None, encoding=None, location=None):
            self.send_response(status)
            self.send_header("Content-Length", str(told or len(content)))
            if encoding:
                self.send_header("Content-Encoding", encoding)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # who asked may have enough
                self.wfile.write(content)

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
    """No proxy stands between a test and its own machine; plain http gets there."""

    def session() -> requests.Session:
        made = https_session()
        made.mount("http://127.0.0.1", requests.adapters.HTTPAdapter())
        return made

    monkeypatch.setattr(download, "https_session", session)
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


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("long", "ValueError"),
        ("endless", "ValueError"),
        ("bomb", "ValueError"),
        ("cut", "ChunkedEncodingError"),
        ("elsewhere", "InvalidSchema"),
    ],
)
def test_what_is_not_the_file_never_gets_its_name(tmp_path, server, path, reason):
    """Larger than published, packed to be larger, cut off, or sent away from https."""
    sentence = told(DataFolder(None, tmp_path), remote(f"{server}/{path}"))
    assert f"{server}/{path} ({reason})" in sentence
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_more_is_read_than_was_published(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download, "CHUNK", 4)
    with pytest.raises(ValueError, match=f"larger than the published {len(CONTENT)}"):
        download.download(
            f"{server}/endless", tmp_path / "x", sha256=DIGEST, size=len(CONTENT)
        )


def test_plain_http_is_not_spoken():
    with pytest.raises(requests.exceptions.InvalidSchema):
        https_session().get("http://127.0.0.1:9/right")


def test_every_mirror_of_a_task_speaks_https():
    files = [value for value in vars(mnist).values() if isinstance(value, RemoteFile)]
    assert len(files) == 4
    for file in files:
        assert all(mirror.startswith("https://") for mirror in file.mirrors)
        assert file.size < 10**7


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
