"""What the files of bAbI hold, told without reading them: held to `babi.sha256`.

Words and sizes are those of all files of a task together, of 1,000 and of 10,000
questions; the chances are those of the test file, which both sets share.
"""

from typing import NamedTuple


class Known(NamedTuple):
    """One of the twenty tasks.

    `longest` is how many words its longest sentence has, `most` how many sentences its
    longest story, `facts` how many of them an answer rests on, at most; `chance` is the
    share of the most frequent answer. `words` are those of stories, questions and
    answers, of which a list is one.
    """

    name: str
    longest: int
    most: int
    facts: int
    chance: float
    words: tuple[str, ...]


def _known(
    name: str, longest: int, most: int, facts: int, chance: float, words: str
) -> Known:
    return Known(name, longest, most, facts, chance, tuple(words.split()))


JOINT_CHANCE = 0.129
"""The share of the most frequent answer of all test files, which is "no"."""

TASKS_OF_BABI: dict[int, Known] = {
    1: _known(
        "single-supporting-fact",
        6,
        10,
        1,
        0.187,
        "back bathroom bedroom daniel garden hallway is john journeyed kitchen mary "
        "moved office sandra the to travelled went where",
    ),
    2: _known(
        "two-supporting-facts",
        6,
        88,
        2,
        0.187,
        "apple back bathroom bedroom daniel discarded down dropped football garden "
        "got grabbed hallway is john journeyed kitchen left mary milk moved office "
        "picked put sandra the there to took travelled up went where",
    ),
    3: _known(
        "three-supporting-facts",
        7,
        228,
        3,
        0.215,
        "apple back bathroom bedroom before daniel discarded down dropped football "
        "garden got grabbed hallway john journeyed kitchen left mary milk moved "
        "office picked put sandra the there to took travelled up was went where",
    ),
    4: _known(
        "two-arg-relations",
        7,
        2,
        1,
        0.177,
        "bathroom bedroom east garden hallway is kitchen north of office south the "
        "west what",
    ),
    5: _known(
        "three-arg-relations",
        7,
        126,
        1,
        0.189,
        "apple back bathroom bedroom bill did discarded down dropped football fred "
        "garden gave give got grabbed hallway handed jeff journeyed kitchen left "
        "mary milk moved office passed picked put received the there to took "
        "travelled up went what who",
    ),
    6: _known(
        "yes-no-questions",
        6,
        26,
        1,
        0.503,
        "apple back bathroom bedroom daniel discarded down dropped football garden "
        "got grabbed hallway in is john journeyed kitchen left mary milk moved no "
        "office picked put sandra the there to took travelled up went yes",
    ),
    7: _known(
        "counting",
        6,
        52,
        10,
        0.488,
        "apple back bathroom bedroom carrying daniel discarded down dropped "
        "football garden gave got grabbed hallway handed how is john journeyed "
        "kitchen left many mary milk moved none objects office one passed picked "
        "put sandra the there three to took travelled two up went",
    ),
    8: _known(
        "lists-sets",
        6,
        58,
        8,
        0.336,
        "apple apple,football apple,football,milk apple,milk apple,milk,football "
        "back bathroom bedroom carrying daniel discarded down dropped football "
        "football,apple football,apple,milk football,milk football,milk,apple "
        "garden got grabbed hallway is john journeyed kitchen left mary milk "
        "milk,apple milk,apple,football milk,football milk,football,apple moved "
        "nothing office picked put sandra the there to took travelled up went what",
    ),
    9: _known(
        "simple-negation",
        7,
        10,
        1,
        0.638,
        "back bathroom bedroom daniel garden hallway in is john journeyed kitchen "
        "longer mary moved no not office sandra the to travelled went yes",
    ),
    10: _known(
        "indefinite-knowledge",
        9,
        10,
        1,
        0.437,
        "back bedroom bill cinema either fred in is journeyed julie kitchen mary "
        "maybe moved no office or park school the to travelled went yes",
    ),
    11: _known(
        "basic-coreference",
        8,
        10,
        2,
        0.187,
        "after afterwards back bathroom bedroom daniel following garden hallway he "
        "is john journeyed kitchen mary moved office sandra she that the then to "
        "travelled went where",
    ),
    12: _known(
        "conjunction",
        8,
        10,
        1,
        0.189,
        "and back bathroom bedroom daniel garden hallway is john journeyed kitchen "
        "mary moved office sandra the to travelled went where",
    ),
    13: _known(
        "compound-coreference",
        8,
        10,
        2,
        0.183,
        "after afterwards and back bathroom bedroom daniel following garden hallway "
        "is john journeyed kitchen mary moved office sandra that the then they to "
        "travelled went where",
    ),
    14: _known(
        "time-reasoning",
        8,
        14,
        2,
        0.177,
        "afternoon back bedroom before bill cinema evening fred journeyed julie "
        "kitchen mary morning moved office park school the this to travelled was "
        "went where yesterday",
    ),
    15: _known(
        "basic-deduction",
        5,
        8,
        2,
        0.341,
        "a afraid are cat cats emily gertrude is jessica mice mouse of sheep what "
        "winona wolf wolves",
    ),
    16: _known(
        "basic-induction",
        4,
        9,
        3,
        0.257,
        "a bernhard brian color frog gray green greg is julius lily lion rhino swan "
        "what white yellow",
    ),
    17: _known(
        "positional-reasoning",
        11,
        2,
        2,
        0.520,
        "above below blue is left no of pink rectangle red right sphere square the "
        "to triangle yellow yes",
    ),
    18: _known(
        "size-reasoning",
        9,
        20,
        2,
        0.531,
        "bigger box chest chocolate chocolates container does fit fits in inside is "
        "no of suitcase than the yes",
    ),
    19: _known(
        "path-finding",
        10,
        5,
        2,
        0.093,
        "bathroom bedroom do e,e e,n e,s east from garden go hallway how is kitchen "
        "n,e n,n n,w north of office s,e s,s s,w south the to w,n w,s w,w west you",
    ),
    20: _known(
        "agents-motivations",
        7,
        12,
        1,
        0.180,
        "antoine apple back bedroom bored did football garden get go got grabbed "
        "hungry is jason journeyed kitchen milk moved pajamas picked sumit the "
        "there thirsty tired to took travelled up went where why will yann",
    ),
}
