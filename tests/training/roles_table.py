"""The roles of all weights of all contenders, as a table to read.

    python -m tests.training.roles_table > tests/training/roles.txt

One block per contender: whether a weight is decayed ("*" where its owner declares it,
else its shape decides), its relative learning rate, its place. Indices of repeated
parts are "i". After the contenders with their defaults come settings and inputs that
bring other weights.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from nnarena.check.model_case import SIGNATURES, SUPPORTED, WIDTH
from nnarena.core.roles import Role, roles_by_path
from nnarena.core.types import Signature
from nnarena.models import MODELS
from nnarena.models.contender import Contender


FEATURES, TOKENS = SIGNATURES[0], SIGNATURES[2]

ASKED = {"supervised_memory_network": SUPPORTED}
"""How contenders are asked that play one kind of task alone."""

VARIANTS: tuple[tuple[str, dict[str, Any], Signature], ...] = (
    ("gru", {}, TOKENS),
    ("cfc", {"mode": "pure"}, FEATURES),
    *(
        ("exp_unitary", {"map": name, **more}, FEATURES)
        for name, more in (
            ("thesis", {"fourier": True, "trained_start": True}),
            ("taylor", {}),
            ("pade", {}),
            ("cayley", {}),
            ("householder", {}),
            ("composition", {"start": "random"}),
            ("eunn", {}),
        )
    ),
    ("memory_layer", {"adjacency": "ring"}, FEATURES),
    ("memory_network", {"tying": "layerwise"}, TOKENS),
    ("memory_layer", {"adjacency": "sparse"}, FEATURES),
    ("transformer", {"encoding": "learned"}, TOKENS),
    ("encoder_decoder_transformer", {"encoding": "learned"}, TOKENS),
)


def table() -> str:
    """Returns the text of the table."""
    own = [e.name for e in MODELS if e.make.__module__.startswith("nnarena.models.")]
    cases = [*((name, {}, ASKED.get(name, FEATURES)) for name in own), *VARIANTS]
    return "\n".join(line for case in cases for line in _block(*case)) + "\n"


def _block(
    name: str, settings: Mapping[str, Any], signature: Signature
) -> Iterator[str]:
    given = ", ".join(f"{key}={value}" for key, value in settings.items())
    yield name + (f" ({given})" if given else "") + " on tokens" * (signature is TOKENS)
    shapes = Contender(name, dict(settings)).shapes(signature, WIDTH)
    seen: dict[str, Role] = {}
    for path, found in roles_by_path(shapes).items():
        place = re.sub(r"\[\d+\]", "[i]", path)
        if seen.setdefault(place, found) != found:
            raise ValueError(f"{name}: repeated parts differ in the role of {place}")
    for place, found in seen.items():
        word = "decayed" if found.decay else "-"
        yield f"  {word + '*' * found.declared:<9} {found.rate:<5g} {place}"


if __name__ == "__main__":
    print(table(), end="")
