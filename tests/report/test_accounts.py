"""What entrants say of themselves, read without importing them, and typeset."""

import subprocess
import sys

import pytest

from nnarena.core.references import keys
from nnarena.models import MODELS
from nnarena.report.accounts import model_accounts, read_accounts, task_accounts
from nnarena.report.prose import to_html, typeset
from nnarena.tasks import TASKS


@pytest.mark.parametrize(
    ("registry", "accounts"), [(MODELS, model_accounts), (TASKS, task_accounts)]
)
def test_accounts_are_those_of_the_registry(registry, accounts):
    read = accounts()
    for entry in registry:
        if entry.make.__module__.startswith("nnarena."):
            account = read[entry.name]
            assert account.docstring == entry.docstring
            assert account.source == entry.source
            versions = (entry.version, *map(str, entry.revisions))
            assert account.versions == versions


def test_a_module_may_register_several_and_none():
    text = (
        "@MODELS.register('one', family='f', source='s', version=3,\n"
        "    revisions={4: lambda s: s['x'] > 0})\n"
        "class One:\n    '''First.\n\n    More.\n    '''\n"
        "@other.register('two')\nclass Two: ...\n"
    )
    (one,) = read_accounts(text, "MODELS")
    assert (one.name, one.docstring) == ("one", "First.\n\nMore.")
    assert one.versions == ("3", "4")
    assert list(read_accounts(text, "TASKS")) == []


def test_reading_accounts_imports_no_entrant():
    code = (
        "import nnarena.report.accounts as a, sys; assert len(a.model_accounts()) > 15;"
        "assert not {'jax', 'torch', 'nnarena.models'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("account", model_accounts().values(), ids=lambda a: a.name)
def test_every_equation_is_typeset(account):
    html = to_html(account.docstring)
    assert "$" not in html
    assert html.count("<math") >= 1
    assert account.source in keys()


def test_an_aligned_equation_keeps_its_columns():
    html = typeset(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", display=True)
    assert html.count("<mtr>") == 2
    assert html.count("<mtd") == 4
    assert "&amp;" not in html


def test_what_is_no_equation_stays_readable():
    assert typeset(r"\unknown{<b>") == r"<code>\unknown{&lt;b&gt;</code>".replace(
        "&gt;", "&gt;"
    )


def test_prose_is_escaped_and_its_blocks_are_kept():
    html = to_html("One <b> & `code <i>`.\n\n    0 1\n    1 0\n\nLast, $x_t$.")
    assert "<p>One &lt;b&gt; &amp; <code>code &lt;i&gt;</code>.</p>" in html
    assert "<pre>    0 1\n    1 0</pre>" in html
    assert "<p>Last, <math><msub>" in html
