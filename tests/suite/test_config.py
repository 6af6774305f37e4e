"""Suite files: what they may say, and how a wrong one is refused."""

import pytest

from nnarena.core.registry import UnknownName
from nnarena.suite.config import SuiteProblem, load_suite, parse_suite
from nnarena.suite.plan import make_jobs


GOOD = {"name": "s", "models": ["lstm"], "tasks": ["add"], "parameters": 500}


def test_a_choice_is_a_name_or_a_table_of_settings():
    suite = parse_suite(
        {**GOOD, "tasks": ["add", {"name": "add", "length": 7}]}, "here"
    )
    assert [choice.settings for choice in suite.tasks] == [{}, {"length": 7}]


def test_seeds_may_be_a_count_or_a_list():
    assert parse_suite({**GOOD, "seeds": 3}, "here").seeds == [0, 1, 2]
    assert parse_suite({**GOOD, "seeds": [4, 9]}, "here").seeds == [4, 9]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": 1}, ["here", "colour", "allowed", "models"]),
        ({"models": []}, ["here", "models"]),
        ({"seeds": 0}, ["here", "seeds"]),
        ({"seeds": [-1]}, ["here", "seeds.0"]),
        ({"parameters": "many"}, ["here", "parameters"]),
        ({"width": 8}, ["parameters", "width"]),
        ({"parameters": None}, ["parameters", "width"]),
    ],
)
def test_a_wrong_suite_names_place_and_key(change, words):
    with pytest.raises(SuiteProblem) as caught:
        parse_suite({**GOOD, **change}, "here")
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"models": []}, "models has to name one at least"),
        ({"models": ["lstm", 3]}, "models.1 has to be a table, and is 3"),
        ({"models": [{"nam": "lstm"}]}, "models.0.name is missing"),
        (
            {"models": [{"name": "lstm", "width": "a"}]},
            "models.0.width has to be a whole number of 1 to 1,000,000 or 'outputs', "
            "and is 'a'",
        ),
        ({"seeds": 2.5}, "seeds has to be a whole number or a list, and is 2.5"),
        ({"seeds": [1, "b"]}, "seeds.1 has to be a whole number, and is 'b'"),
        ({"parameters": "many"}, "parameters has to be a whole number, and is 'many'"),
        ({"parameters": -1}, "parameters has to be greater than or equal to 1"),
        ({"trainer": 3}, "trainer has to be a table, and is 3"),
    ],
)
def test_a_wrong_suite_is_refused_in_a_sentence(change, sentence):
    with pytest.raises(SuiteProblem) as caught:
        parse_suite({**GOOD, **change}, "here")
    assert str(caught.value) == f"here: {sentence}"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"models": [{"name": "lstm", "forget": 1}]},
            ["lstm", "forget", "forget_bias"],
        ),
        ({"tasks": [{"name": "add", "long": 1}]}, ["add", "long", "length"]),
        ({"tasks": [{"name": "add", "length": 1}]}, ["add", "length"]),
        ({"trainer": {"lr": 1}}, ["trainer", "lr", "learning_rate"]),
        ({"trainer": {"schedule": "linear"}}, ["schedule", "warmup_cosine"]),
        ({"parameters": 3}, ["lstm", "budget"]),
        (
            {"models": [{"name": "transformer", "heads": 0}]},
            ["heads must be a whole number of at least 1"],
        ),
        (
            {"tasks": [{"name": "add", "rows": 100}]},
            ["rows must be a whole number of at least 1280"],
        ),
        ({"tasks": [{"name": "memory", "raw": 1}]}, ["raw must be true or false"]),
    ],
)
def test_wrong_settings_are_refused_before_anything_runs(change, words):
    with pytest.raises(SuiteProblem) as caught:
        make_jobs(parse_suite({**GOOD, **change}, "here"))
    # A user reads the first line; the types that tests check name values further down.
    said = f"{caught.value} {caught.value.__cause__}"
    assert all(word in said for word in words), said


def test_unknown_names_suggest_near_ones():
    with pytest.raises(UnknownName, match="quick"):
        load_suite("quikc")
    with pytest.raises(UnknownName, match="lstm"):
        make_jobs(parse_suite({**GOOD, "models": ["lsmt"]}, "here"))


def test_a_file_that_is_no_toml_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("models = [")
    with pytest.raises(SuiteProblem, match=r"mine\.toml is not valid TOML"):
        load_suite(str(path))
    with pytest.raises(SuiteProblem, match="there is no suite file"):
        load_suite(str(tmp_path / "other.toml"))


def test_changes_keep_what_they_do_not_name(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'models = ["lstm"]\ntasks = ["add"]\nwidth = 8\n'
        "[trainer]\nsteps = 10\nbatch = 4\n"
    )
    suite = load_suite(str(path), {"trainer": {"steps": 20}, "parameters": 900})
    assert suite.trainer == {"steps": 20, "batch": 4}
    assert (suite.width, suite.parameters) == (None, 900)


def test_a_setting_that_is_called_settings_is_one_of_the_entrant():
    inner = {"delay": 8}
    flat = {"name": "bidirectional", "cell": "skip_rnn", "settings": inner}
    suite = parse_suite(
        {"name": "a", "models": [flat], "tasks": ["add"], "seeds": 1, "width": 4},
        "mine",
    )
    (model,) = suite.models
    assert model.settings == {"cell": "skip_rnn", "settings": inner}
    again = type(suite).model_validate(suite.model_dump())
    assert again.models == suite.models
