"""A checkup as JUnit XML: a suite for each project, a case for each finding."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from tabib.cli.render.checkup import Row, at_least, counted

_NAMES = {"": "(no project)", "node": "(machine)"}


def junit(answer: Row, fail_on: str) -> str:
    """The document. What is as grave as ``fail_on`` is a failure; the rest passes, and is told."""
    suites = Element("testsuites", name="tabib checkup")
    for grade in answer["grades"]:
        mine = [one for one in answer["findings"] if one["project"] == grade["project"]]
        _suite(suites, grade, mine, str(answer["at"]), fail_on)
    for key in ("tests", "failures"):
        suites.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, "unicode") + "\n"
    )


def _suite(suites: Element, grade: Row, mine: Sequence[Row], at: str, fail_on: str) -> None:
    failed = [one for one in mine if at_least(one["severity"], fail_on)]
    name = _NAMES.get(str(grade["project"]), str(grade["project"]))
    suite = SubElement(
        suites, "testsuite", name=_clean(name), tests=str(len(mine) or 1),
        failures=str(len(failed)), errors="0", skipped="0", time="0", timestamp=at[:19],
    )  # fmt: skip
    properties = SubElement(suite, "properties")
    for key in ("grade", "score"):
        SubElement(properties, "property", name=key, value=str(grade[key]))
    if not mine:
        SubElement(suite, "testcase", name="nothing is wrong", classname=_clean(name), time="0")
    for one in mine:
        case = SubElement(
            suite, "testcase", name=one["code"], classname=_clean(one["target"]), time="0"
        )
        evidence = "\n".join(f"{each['source']}: {each['text']}" for each in one["evidence"])
        text = _clean(f"{one['summary']}\n{evidence}\n{one['advice']}")
        if one in failed:
            failure = SubElement(
                case, "failure", type=one["severity"], message=_clean(one["summary"])
            )
            failure.text = text
        else:
            SubElement(case, "system-out").text = f"{one['severity']}: {text}"
    SubElement(suite, "system-out").text = counted(grade["findings"]) or "nothing is wrong"


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(
        char
        if char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd"
        or char >= "\U00010000"
        else "�"
        for char in text
    )  # fmt: skip
