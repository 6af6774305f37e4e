"""The sets of the UEA and UCR archives that are known by name, and downloaded."""

from typing import NamedTuple

from .files import RemoteFile


HOST = (
    "https://raw.githubusercontent.com/aeon-toolkit/aeon/"
    "a101ddc8b35a65441609b45c9bcce5aeafa0c131/aeon/datasets/data/"
)
"""Where the library aeon keeps them, at one commit."""


class Sizes(NamedTuple):
    """What has to be known of a set before its files are read."""

    dimensions: int
    classes: int
    chance: float


class Known(NamedTuple):
    """A set that is downloaded: its sizes, its training file and its test file."""

    sizes: Sizes
    train: RemoteFile
    test: RemoteFile


def _known(name: str, sizes: Sizes, *files: tuple[int, str]) -> tuple[str, Known]:
    """Returns a set by its name, of the bytes and digests of its two files."""
    parts = (f"{name}/{name}_TRAIN.ts", f"{name}/{name}_TEST.ts")
    train, test = (
        RemoteFile(f"uea_ucr/{path}", sha256, size, (HOST + path,))
        for path, (size, sha256) in zip(parts, files, strict=True)
    )
    return name, Known(sizes, train, test)


KNOWN = dict(
    [
        _known(
            "ACSF1",
            Sizes(1, 10, 0.1),
            (
                1_658_422,
                "0646b90dc4843e02baed6b2ba345c5601a4991b6796565489cef1b2d92a7537b",
            ),
            (
                1_659_932,
                "93e8aaeb44a10af181d24a156e60da7021193cd990ca28f263fccf3b905bfebf",
            ),
        ),
        _known(
            "ArrowHead",
            Sizes(1, 3, 1 / 3),
            (
                100_357,
                "a83c470aaf611a5f5284377cce27a5fc9f6292bc3d110257b0fd4905ced5ee72",
            ),
            (
                484_894,
                "5417dab42626d41df5e435bb22458c2df40dfad4bcd3b59559bbe72e20e84904",
            ),
        ),
        _known(
            "BasicMotions",
            Sizes(6, 4, 0.25),
            (
                227_790,
                "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6",
            ),
            (
                227_713,
                "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc",
            ),
        ),
        _known(
            "GunPoint",
            Sizes(1, 2, 74 / 150),
            (
                84_188,
                "f842401779fd9800d247d8b33121a1a4643710a19b24917dbdd9a060ca8630d5",
            ),
            (
                252_305,
                "79332750788a6227b325b96bd0d70130c8eb707b9731f8d7dec62b7a7d36017e",
            ),
        ),
        _known(
            "ItalyPowerDemand",
            Sizes(1, 2, 513 / 1029),
            (
                18_300,
                "341269cb7e6cef96846b30e774580beec79addb93848ba360145219115a74b7c",
            ),
            (
                274_054,
                "26122451f87dd0387ef90b18bc8a86c041371b8a1c068004922b939971247144",
            ),
        ),
        _known(
            "JapaneseVowels",
            Sizes(12, 9, 1 / 9),
            (
                487_971,
                "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
            ),
            (
                649_132,
                "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
            ),
        ),
        _known(
            "OSULeaf",
            Sizes(1, 6, 44 / 242),
            (
                953_148,
                "86b9d6e860414ffd26cebc62fff84ffb37fa588ef3e5bf79e4094a437c36ddfc",
            ),
            (
                1_152_821,
                "6c549dd354f9e42d5985fa5fab75321ca9acefc7873457e71467fc8a31f107ce",
            ),
        ),
        _known(
            "PickupGestureWiimoteZ",
            Sizes(1, 10, 0.1),
            (
                43_921,
                "4d303d9990df621c066fc454d62626e3721aed008462103500b86b1ac1ca92c8",
            ),
            (
                44_312,
                "a9109bce918e48ee0e924e9cf2fdfdc4de364a3d88ec5e8aa44399ff08b11361",
            ),
        ),
    ]
)
