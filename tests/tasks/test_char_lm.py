"""Characters: windows of the text, the published file and its blind baseline."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from nnarena.tasks.char_lm import CHARACTERS, TEXT, CharLM, cut_windows, read_codes
from nnarena.tasks.files import DataFolder, DataProblem


ROOT = Path(os.environ.get("NNARENA_DATA") or "/nowhere")


def test_a_text_is_read(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("O, be\n3!", encoding="ascii")
    assert "".join(CHARACTERS[code] for code in read_codes(path)) == "O, be\n3!"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"be\xc3\xa9", "byte 195 at 2"), (b"a\0", "byte 0 at 1")],
)
def test_a_bad_file_is_told_in_one_sentence(tmp_path, content, words):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    with pytest.raises(DataProblem) as caught:
        read_codes(path)
    said = str(caught.value)
    assert said.startswith(f"the file {path} is not a text of the 65 characters")
    assert words in said
    assert said.endswith(f"delete it and fetch it from {TEXT.mirrors[0]}")
    assert "\n" not in said


@pytest.mark.parametrize(("characters", "windows"), [(13, 3), (12, 2), (5, 1)])
def test_every_character_but_the_first_is_asked_for_once(characters, windows):
    codes = np.arange(characters, dtype=np.uint8)
    rows = cut_windows(codes, 4)
    assert rows.shape == (windows, 5)
    found: Any = jax.vmap(CharLM(length=4).example)(rows)
    np.testing.assert_array_equal(np.ravel(found.targets), codes[1 : 4 * windows + 1])
    np.testing.assert_array_equal(np.ravel(found.question.xs), codes[: 4 * windows])


@pytest.mark.skipif(
    not (ROOT / TEXT.path).is_file(), reason="NNARENA_DATA holds no tinyshakespeare"
)
def test_the_published_text():
    splits: Any = CharLM().splits(DataFolder(ROOT), key=jax.random.key(0))
    sizes = [
        part.size // 129 for part in (splits.train, splits.validation, splits.test)
    ]
    assert sizes == [6_971 + 435, 435, 871]
    first = "".join(CHARACTERS[code] for code in splits.train[0, :30])
    assert first == "First Citizen:\nBefore we proce"
    # Training ends a part of a window before the test: what validates lies before.
    end = "".join(CHARACTERS[code] for code in splits.train[-1, -30:])
    assert end == "o sit and weep\nTill I can find"
    start = "".join(CHARACTERS[code] for code in splits.test[0, :30])
    assert start == "?\n\nGREMIO:\nGood morrow, neighb"
    shares = np.bincount(splits.train[:, 1:].ravel(), minlength=65) + 1.0
    bits = -np.log2(shares / shares.sum())[splits.test[:, 1:]].mean()
    assert bits == pytest.approx(CharLM().scoring.chance, abs=0.005)
