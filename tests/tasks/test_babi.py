"""bAbI: stories in the official format, and what is known of the published files."""

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nnarena.core.types import Sentences
from nnarena.models.contender import Contender
from nnarena.tasks import babi
from nnarena.tasks.babi import (
    ARCHIVE,
    UNKNOWN,
    BAbI,
    Collection,
    encode,
    path_of,
    words_of,
)
from nnarena.tasks.babi_stories import read_questions
from nnarena.tasks.babi_words import JOINT_CHANCE, TASKS_OF_BABI
from nnarena.tasks.files import DataFolder, DataProblem, LocalFolder


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")
KEY = jax.random.key(0)

COLLECTIONS: tuple[Collection, ...] = ("en", "en-10k")
TIMES: dict[Collection, int] = {"en": 1, "en-10k": 10}

published = pytest.mark.skipif(
    not (ROOT / "babi").is_dir(), reason="NNARENA_DATA holds no folder babi"
)

STORY = """\
1 Mary moved to the bathroom.
2 John went to the hallway.
3 Where is Mary? \tbathroom\t1
4 Mary went back to the garden.
5 Where is Mary?\tgarden\t4
1 John moved to the office.
2 Where is John? \toffice\t1
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "qa.txt"
    path.write_text(text, encoding="ascii")
    return path


def test_a_file_is_read(tmp_path):
    first, second, third = read_questions(written(tmp_path, STORY), "get it")
    bathroom = ("mary", "moved", "to", "the", "bathroom")
    hallway = ("john", "went", "to", "the", "hallway")
    garden = ("mary", "went", "back", "to", "the", "garden")
    assert first.story == (bathroom, hallway)
    assert second.story == (bathroom, hallway, garden)
    assert [one.words for one in (first, third)] == [
        ("where", "is", "mary"),
        ("where", "is", "john"),
    ]
    assert [one.answer for one in (first, second, third)] == [
        "bathroom",
        "garden",
        "office",
    ]
    assert [one.support for one in (first, second, third)] == [(0,), (2,), (0,)]


def test_a_list_is_one_answer(tmp_path):
    text = "1 Mary got the milk.\n2 What is Mary carrying?\tMilk,apple\t1\n"
    (one,) = read_questions(written(tmp_path, text), "get it")
    assert one.answer == "milk,apple"


BAD_FILES = {
    "web page": "<!doctype html>\n",
    "empty": "",
    "no question": "1 Mary moved to the bathroom.\n",
    "no number": "Mary moved to the bathroom.\n",
    "no answer": "1 Mary moved.\n2 Where is Mary?\tbathroom\n",
    "other story": STORY + "3 Where is John?\toffice\t4\n",
    "no ascii": "1 Märy moved.\n2 Where is Märy?\tbathroom\t1\n",
}


@pytest.mark.parametrize("text", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_told_in_one_sentence(tmp_path, text):
    path = tmp_path / "qa.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataProblem) as caught:
        read_questions(path, "get it")
    said = str(caught.value)
    assert said.startswith(f"the file {path} cannot be read as stories with questions")
    assert said.endswith("delete it and get it")
    assert "\n" not in said


def test_a_story_is_a_stream_with_a_mark_after_each_sentence(tmp_path):
    questions = read_questions(written(tmp_path, STORY), "get it")
    words = words_of(1, "own")
    rows = encode(questions, words, None, 2)
    example = BAbI(task=1).example(jax.tree.map(lambda column: column[1], rows))
    assert example.context is not None
    read, asked = (
        " ".join(words[token] for token in np.asarray(one.xs[np.asarray(one.present)]))
        for one in (example.context, example.question)
    )
    assert read == (
        "mary moved to the bathroom . john went to the hallway . "
        "mary went back to the garden ."
    )
    assert asked == "where is mary ."
    assert words[int(example.targets)] == "garden"
    cut = encode(questions, words, 1, 2)
    assert cut.told.tolist() == [6, 7, 6]
    assert rows.support.tolist() == [[1, -1], [0, -1], [0, -1]]
    assert cut.support.tolist() == [[-1, -1], [0, -1], [0, -1]]
    assert np.asarray(example.support).tolist() == [0, -1]


def packed(path: Path, files: dict[str, str]) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"tasks_1-20_v1-2/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def many(stories: int, verb: str) -> str:
    places = [("office", "garden", "kitchen")[n % 3] for n in range(stories)]
    return "".join(
        f"1 Mary moved to the {place}.\n2 Where {verb} Mary?\t{place}\t1\n"
        for place in places
    )


@pytest.fixture
def made(tmp_path, monkeypatch) -> DataFolder:
    """A small archive, which lacks the file that may lack."""
    sizes = {"train": 20, "test": 7}
    names = {
        path_of(number, part, collection): many(times * count, verb)
        for number, verb in ((1, "is"), (3, "was"))
        for collection, times in TIMES.items()
        for part, count in sizes.items()
    }
    del names[UNKNOWN]
    packed(tmp_path / "data" / f"{ARCHIVE.path}.tar.gz", names)
    digests = dict.fromkeys([*names, UNKNOWN])
    folder = LocalFolder(ARCHIVE.path, digests, ARCHIVE.advice, ARCHIVE.may_lack)
    monkeypatch.setattr(babi, "ARCHIVE", folder)
    return DataFolder(tmp_path / "data", tmp_path / "cache")


def test_the_last_tenth_of_the_training_file_validates(made):
    splits: Any = BAbI(task=1).splits(made, key=KEY)
    sizes = [
        len(part.answers) for part in (splits.train, splits.validation, splits.test)
    ]
    assert sizes == [18, 2, 7]
    words = words_of(1, "own")
    said = [words[answer] for answer in splits.validation.answers]
    assert said == ["office", "garden"]  # the 19th and the 20th
    more: Any = BAbI(task=1, collection="en-10k").splits(made, key=KEY)
    assert len(more.train.answers) == 180


def test_what_the_archive_lacks_is_missed_by_its_task_alone(made):
    BAbI(task=3).splits(made, key=KEY)
    with pytest.raises(DataProblem) as caught:
        BAbI(task=3, collection="en-10k").splits(made, key=KEY)
    said = str(caught.value)
    assert "en-10k/qa3_three-supporting-facts_train.txt is missing: the archive" in said
    assert "\n" not in said


def test_a_strange_word_is_told(made, monkeypatch):
    monkeypatch.setitem(
        TASKS_OF_BABI, 1, TASKS_OF_BABI[1]._replace(words=("mary", "office"))
    )
    with pytest.raises(DataProblem, match="holds the word 'moved', which is none of"):
        BAbI(task=1).splits(made, key=KEY)


@pytest.mark.parametrize("task", [0, 21, "all", 1.5])
def test_other_tasks_are_refused(task):
    with pytest.raises(ValueError, match="task must be a whole number of at least 1"):
        BAbI(task=task)


def test_the_joint_vocabulary_is_that_of_all_tasks():
    joint, single = BAbI(task="joint"), BAbI(task=4, vocabulary="joint")
    assert joint.signature == single.signature
    assert joint.signature.inputs.size == 177
    every = {word for known in TASKS_OF_BABI.values() for word in known.words}
    assert set(joint.words) == every | {"."}
    assert BAbI(task=4).signature.inputs.size == 15
    cut: Any = BAbI(task=2, sentences=50).signature.context
    assert cut.sentences == Sentences(end=0, longest=6, most=50)


@published
@pytest.mark.parametrize("number", TASKS_OF_BABI)
def test_what_is_known_is_what_the_files_hold(number, tmp_path_factory):
    """Words, sizes and chance of a task are those of its four files."""
    cache = tmp_path_factory.getbasetemp() / "babi_cache"
    data, known = DataFolder(ROOT, cache), TASKS_OF_BABI[number]
    names = [
        path_of(number, part, collection)
        for collection in COLLECTIONS
        for part in ("train", "test")
    ]
    there = [name for name in names if name != UNKNOWN]
    paths = dict(zip(there, data.folder(ARCHIVE, there), strict=True))
    questions = {
        name: read_questions(path, ARCHIVE.advice) for name, path in paths.items()
    }
    every = [one for asked in questions.values() for one in asked]
    sentences = [s for one in every for s in (*one.story, one.words)]
    answers = {one.answer for one in every}
    assert {word for s in sentences for word in s} | answers == set(known.words)
    assert list(known.words) == sorted(known.words)
    assert max(map(len, sentences)) == known.longest
    assert max(len(one.story) for one in every) == known.most
    assert max(len(one.support) for one in every) == known.facts
    assert min(len(one.support) for one in every) > 0
    for collection in COLLECTIONS:
        test = questions[path_of(number, "test", collection)]
        assert len(test) == 1_000
        said = [one.answer for one in test]
        share = max(said.count(answer) for answer in answers) / len(said)
        assert share == pytest.approx(known.chance, abs=5e-4)


@published
def test_the_joint_chance_is_that_of_all_test_files(tmp_path):
    data = DataFolder(ROOT, tmp_path)
    names = [path_of(number, "test", "en") for number in TASKS_OF_BABI]
    said = [
        one.answer
        for path in data.folder(ARCHIVE, names)
        for one in read_questions(path, ARCHIVE.advice)
    ]
    share = max(said.count(answer) for answer in set(said)) / len(said)
    assert share == pytest.approx(JOINT_CHANCE, abs=5e-4)


@pytest.mark.parametrize("name", ["lstm", "transformer", "memory_network"])
def test_contenders_read_a_story_and_its_question(name, made):
    task = BAbI(task=1)
    splits: Any = task.splits(made, key=KEY)
    example = task.example(jax.tree.map(lambda column: column[0], splits.test))
    model: Any = Contender(name).build(task.signature, 6, key=KEY)
    assert model(*example.asked).shape == (20,)
