"""Sealed cases of the ward (``tests/ward``), replayed: the cause that was right stays first.

``make ward ARGS=--cases`` keeps them anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tabib.decide.diagnose import diagnose
from tabib.model.codec import convert
from tabib.model.incident import Case
from ward.cases import MOST_BYTES, decided

FOLDER = Path(__file__).parent / "ward_cases"
FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_case_of_the_ward_is_told_and_treated_as_it_was(file: Path) -> None:
    assert file.stat().st_size <= MOST_BYTES
    document = json.loads(file.read_text())
    case = convert(document["case"], Case)
    causes = diagnose(case)[1]
    assert causes[0].code in document["cause"], [(one.code, one.confidence) for one in causes]
    assert str(decided(case).action) == document["action"]


def test_there_are_cases_of_many_kinds() -> None:
    causes = {json.loads(file.read_text())["cause"][0] for file in FILES}
    assert len(FILES) >= 60
    assert len(causes) >= 40
