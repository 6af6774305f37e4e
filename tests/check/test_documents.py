"""What an entrant owes its readers."""

from dataclasses import replace

import pytest

from nnarena.check.documents import require_account
from nnarena.check.laws import LawBroken
from nnarena.training import TRAINERS


@pytest.mark.parametrize("version", ["1", "text-0123abcd"])
def test_who_comes_from_outside_may_name_a_source_in_words(version):
    own = replace(TRAINERS["ridge"], source="my thesis", version=version)
    require_account(replace(own, home="my_trainer"))
    with pytest.raises(LawBroken, match=r"a key of references\.bib, but 'my thesis'"):
        require_account(own)
