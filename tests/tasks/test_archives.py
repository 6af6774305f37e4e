"""Archives of anybody: known files come out, whole; nothing is written elsewhere."""

import hashlib
import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from nnarena.tasks import archives
from nnarena.tasks.archives import unpack
from nnarena.tasks.files import DataFolder, DataProblem, LocalFolder


CONTENT = b"what is known"
DIGESTS = {"data.bin": hashlib.sha256(CONTENT).hexdigest(), "notes.txt": None}
FILES = {"set/data.bin": CONTENT, "set/notes.txt": b"any", "set/other.txt": b"other"}

few = settings(
    max_examples=80,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def make_zip(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        for name, target in (links or {}).items():
            member = zipfile.ZipInfo(name)
            member.create_system, member.external_attr = 3, 0o120777 << 16
            archive.writestr(member, target)
    return path


def make_tar(path: Path, files: dict[str, bytes], links: dict[str, str] | None = None):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            for name, target in (links or {}).items():
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, target
                archive.addfile(member)
    return path


MAKERS = {".zip": make_zip, ".tar.gz": make_tar}

both = pytest.mark.parametrize("suffix", MAKERS)


def files_below(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if not path.is_dir()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@both
def test_the_known_files_come_out_and_no_others(tmp_path, suffix):
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", FILES)
    unpack(archive, DIGESTS, tmp_path / "a" / "b")
    assert files_below(tmp_path / "a") == {
        "b/data.bin": CONTENT,
        "b/notes.txt": b"any",
    }


FOLDERS = {"set/en/qa.txt": b"few", "set/en-10k/qa.txt": CONTENT}


@both
def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path, suffix):
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", FOLDERS)
    wanted = {"en/qa.txt": None, "en-10k/qa.txt": DIGESTS["data.bin"]}
    unpack(archive, wanted, tmp_path / "a")
    assert files_below(tmp_path / "a") == {
        "en/qa.txt": b"few",
        "en-10k/qa.txt": CONTENT,
    }
    with pytest.raises(ValueError, match=r"holds 2 files qa\.txt, not one"):
        unpack(archive, {"qa.txt": None}, tmp_path / "b")
    with pytest.raises(ValueError, match=r"holds 0 files k/qa\.txt, not one"):
        unpack(archive, {"k/qa.txt": None}, tmp_path / "b")


@both
def test_what_may_lack_is_missed_by_who_asks_for_it(tmp_path, suffix):
    (tmp_path / "root").mkdir()
    MAKERS[suffix](tmp_path / "root" / f"set{suffix}", FOLDERS)
    names = {"en/qa.txt": None, "en/more.txt": None}
    folder = LocalFolder("set", names, "get it", frozenset({"en/more.txt"}))
    data = DataFolder(tmp_path / "root", tmp_path / "cache")
    assert [path.read_bytes() for path in data.folder(folder, ["en/qa.txt"])] == [
        b"few"
    ]
    with pytest.raises(DataProblem) as caught:
        data.folder(folder)
    assert "en/more.txt is missing: the archive that its folder was unpacked" in str(
        caught.value
    )
    assert str(caught.value).endswith("delete the folder and get it")


def refused(archive: Path, folder: Path) -> str:
    """Returns why an archive is refused; nothing is left of it."""
    before = files_below(folder.parent)
    with pytest.raises(ValueError, match=r".") as caught:
        unpack(archive, DIGESTS, folder)
    assert files_below(folder.parent) == before
    assert not folder.exists()
    return str(caught.value)


ESCAPES = ["../data.bin", "../../data.bin", "/tmp/data.bin", "a/../../../data.bin"]


@both
@pytest.mark.parametrize("name", ESCAPES)
def test_a_path_of_a_member_decides_nothing(tmp_path, suffix, name):
    """A member that wants to lie elsewhere comes out where the others do."""
    files = {name: CONTENT, "../notes.txt": b"any", "../../evil.sh": b"evil"}
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", files)
    unpack(archive, DIGESTS, tmp_path / "a" / "b" / "c")
    assert set(files_below(tmp_path)) == {
        archive.name,
        "a/b/c/data.bin",
        "a/b/c/notes.txt",
    }


@both
def test_links_are_no_files(tmp_path, suffix):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    links = {"data.bin": str(secret), "x": "..", "x/notes.txt": str(secret)}
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", {"notes.txt": b"any"}, links)
    assert "0 files data.bin" in refused(archive, tmp_path / "out")
    assert secret.read_text() == "secret"


@both
def test_what_is_there_twice_is_refused(tmp_path, suffix):
    files = {**FILES, "again/data.bin": b"which?"}
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", files)
    assert "2 files data.bin" in refused(archive, tmp_path / "out")


@both
def test_another_digest_is_refused(tmp_path, suffix):
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", {**FILES, "set/data.bin": b"?"})
    assert "not the one that is known" in refused(archive, tmp_path / "out")


@both
def test_a_bomb_is_not_unpacked(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST", 2**20)
    bomb = {**FILES, "set/notes.txt": bytes(2**24)}
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", bomb)
    assert archive.stat().st_size < 2**16
    assert "larger than 1,048,576" in refused(archive, tmp_path / "out")


def test_a_damaged_xz_is_refused(tmp_path):
    path, content = tmp_path / "set.tar.xz", random.Random(0).randbytes(2**18)
    with tarfile.open(path, "w:xz") as archive:
        member = tarfile.TarInfo("set/data.bin")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    whole = path.read_bytes()
    path.write_bytes(whole[: 2**17] + bytes(2**10) + whole[2**17 + 2**10 :])
    assert "Corrupt" in refused(path, tmp_path / "out")


@both
def test_a_cut_archive_is_refused_or_lacks_nothing_that_is_wanted(tmp_path, suffix):
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", FILES)
    whole = archive.read_bytes()
    for size in range(0, len(whole), 11):
        archive.write_bytes(whole[:size])
        try:
            unpack(archive, DIGESTS, tmp_path / "out" / str(size))
        except ValueError:
            assert not (tmp_path / "out" / str(size)).exists()
        else:  # what was cut off is the filling behind the last file
            assert size > len(whole) // 2
            assert (tmp_path / "out" / str(size) / "notes.txt").read_bytes() == b"any"


@both
@few
@given(data=st.data())
def test_no_bytes_break_it(tmp_path, suffix, data):
    archive = MAKERS[suffix](tmp_path / f"set{suffix}", FILES)
    content = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
            st.integers(0, 255)
        )
    archive.write_bytes(bytes(content))
    folder = tmp_path / "fuzzed" / str(len(list(tmp_path.glob("fuzzed/*"))))
    try:
        unpack(archive, DIGESTS, folder)
    except ValueError:
        assert not folder.exists()
    else:
        assert (folder / "data.bin").read_bytes() == CONTENT


def test_a_file_without_a_name_is_none_of_ours(tmp_path):
    """A name ends at a zero byte, so that a damaged one may be empty."""
    archive = make_zip(tmp_path / "set.zip", FILES)
    damaged = archive.read_bytes().replace(b"set/other.txt", b"\0et/other.txt")
    archive.write_bytes(damaged)
    unpack(archive, DIGESTS, tmp_path / "out")
    assert (tmp_path / "out" / "data.bin").read_bytes() == CONTENT
    archive.write_bytes(damaged.replace(b"set/data.bin", b"\0et/data.bin"))
    with pytest.raises(ValueError, match="it holds 0 files data"):
        unpack(archive, DIGESTS, tmp_path / "again")


SET = LocalFolder("set", DIGESTS, "fetch the set")


@both
def test_a_task_finds_its_folder_in_an_archive(tmp_path, suffix):
    """The user's own folder is only read; the second time nothing is unpacked."""
    root, cache = tmp_path / "root", tmp_path / "cache"
    root.mkdir()
    archive = MAKERS[suffix](root / f"set{suffix}", FILES)
    found = DataFolder(root, cache).folder(SET)
    assert found == [cache / "set" / "data.bin", cache / "set" / "notes.txt"]
    assert list(root.iterdir()) == [archive]
    archive.write_bytes(b"damaged since")
    assert DataFolder(root, cache).folder(SET) == found


def test_a_damaged_archive_is_one_sentence(tmp_path):
    (tmp_path / "set.zip").write_bytes(b"PK\3\4 no more")
    with pytest.raises(DataProblem) as caught:
        DataFolder(tmp_path, tmp_path / "cache").folder(SET)
    sentence = str(caught.value)
    assert f"the archive {tmp_path / 'set.zip'} cannot be unpacked: " in sentence
    assert sentence.endswith("delete it and fetch the set")
    assert "\n" not in sentence
