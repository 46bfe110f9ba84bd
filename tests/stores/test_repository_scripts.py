"""The lines of shell beside restic, without it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tabib.stores.repository import scripts

HALF = "mkdir -p data/00 index keys locks snapshots && touch keys/abc"


@pytest.mark.parametrize(
    ("there", "made"),
    [
        ("true", True),
        ("mkdir lost+found", True),
        (HALF, True),
        (f"{HALF} config-tmp-12", True),
        (f"{HALF} data/00/pack", False),
        (f"{HALF} index/one", False),
        (f"{HALF} snapshots/one", False),
        (f"{HALF} config", False),
        (f"{HALF} mine", False),
        ("touch mine", False),
        ("mkdir data mine", False),
    ],
)
def test_a_repository_is_made_where_nothing_is_or_making_it_was_cut_off(
    tmp_path: Path, there: str, made: bool
) -> None:
    """What an ``init`` left that was killed holds no data, and a key that opens nothing."""
    subprocess.run(["sh", "-c", there], cwd=tmp_path, check=True)
    before = sorted(os.walk(tmp_path))
    done = subprocess.run(
        ["sh", "-c", scripts.init_folder(str(tmp_path)), "sh", "touch", str(tmp_path / "config")],
        check=False,
    )
    assert done.returncode == (0 if made else scripts.NOT_EMPTY)
    if made:
        assert "config" in os.listdir(tmp_path)
        assert "keys" not in os.listdir(tmp_path)
    else:
        assert sorted(os.walk(tmp_path)) == before, "nothing of it was touched"


RESTIC = 'while [ "$1" != -- ]; do shift; done; shift; "$@" >stored || rm stored'
"""As far as concerns its input: what a command says, if it ends well."""


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (b"", None),
        (b"cut off", None),
        (b"cut off" + scripts.WHOLE[:-1], None),
        (scripts.WHOLE, b""),
        (b"{}" + scripts.WHOLE, b"{}"),
        (b"two\nlines\n" + scripts.WHOLE, b"two\nlines\n"),
        (bytes(range(256)) * 2000 + scripts.WHOLE, bytes(range(256)) * 2000),
    ],
)
def test_only_what_is_marked_as_whole_is_stored(
    tmp_path: Path, given: bytes, stored: bytes | None
) -> None:
    argv = ["sh", "-c", scripts.ahead_of_it(str(tmp_path)), "sh", "sh", "-c", RESTIC, "restic"]
    subprocess.run(argv, cwd=tmp_path, input=given, timeout=30, check=False)
    found = tmp_path / "stored"
    assert (found.read_bytes() if found.exists() else None) == stored
