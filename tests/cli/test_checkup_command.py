"""``tabib checkup`` on the screen, in files, and as pipelines read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cli.conftest import Tabib
from support.protocol import ProtocolServer, of_error


def finding(target: str, code: str, severity: str, **more: Any) -> dict[str, Any]:
    project, _, service = target.partition("/")
    return {
        "target": target, "code": code, "severity": severity, "summary": f"{code} is wrong",
        "evidence": [{"source": "config", "text": "a < b & \x1b[31mc\x00", "at": None}],
        "advice": f"Do {code}.", "project": project, "service": service,
        "containers": [f"{project}-{service}-1"], "file": f"/srv/{project}/compose.yaml", **more,
    }  # fmt: skip


NODE = finding("node", "clock.skew", "warning", service="", file="", containers=[])
ANSWER: dict[str, Any] = {
    "at": "2030-01-01T12:00:00Z", "target": "everything", "engine": "unix:///d.sock",
    "findings": [
        finding("shop/api", "exit.killed", "error"),
        finding("shop/api", "memory.no-limit", "warning"),
        finding("shop/web", "memory.no-limit", "warning"),
        NODE,
        finding("blog/b", "security.root", "info"),
    ],
    "grades": [
        {"project": "shop", "score": 66, "grade": "D", "services": 2,
         "findings": {"critical": 0, "error": 1, "warning": 2, "info": 0}},
        {"project": "node", "score": 94, "grade": "A", "services": 0,
         "findings": {"critical": 0, "error": 0, "warning": 1, "info": 0}},
        {"project": "blog", "score": 99, "grade": "A", "services": 1,
         "findings": {"critical": 0, "error": 0, "warning": 0, "info": 1}},
        {"project": "fine", "score": 100, "grade": "A", "services": 3, "findings": {}},
    ],
    "first": [{"code": "exit.killed", "severity": "error", "advice": "Do exit.killed.",
               "targets": ["shop/api"]}],
    "rules": {code: {"explain": f"{code} means.", "advice": f"Do {code}."}
              for code in ("exit.killed", "memory.no-limit", "clock.skew", "security.root")},
    "notes": ["nobody knows"], "containers": 7, "ignored": 2,
}  # fmt: skip
WELL = {**ANSWER, "findings": [], "grades": ANSWER["grades"][3:], "first": [], "rules": {},
        "notes": [], "ignored": 0, "target": "fine"}  # fmt: skip


@pytest.fixture(autouse=True)
def answers(daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/checkup", ANSWER)


def test_what_to_do_first_stands_at_the_top(tabib: Tabib) -> None:
    done = tabib("checkup")
    assert done.code == 1
    lines = done.out.splitlines()
    assert lines[0] == "everything: 7 containers looked at, 1 error, 3 warnings, 1 info"
    assert lines[2:5] == ["Do first", "  1. Do exit.killed.", "     error    exit.killed: shop/api"]
    # The worst project first; what two services have in the same words is one line.
    assert lines[6] == "D  66  shop: 1 error, 2 warnings"
    assert "  warning  api, web: memory.no-limit is wrong [memory.no-limit]" in lines
    assert "  warning  clock.skew is wrong [clock.skew]" in lines
    assert "A 100  fine: nothing is wrong" in lines
    assert "not looked at: nobody knows" in lines
    assert "2 left out, as you said" in lines
    assert "config: a" not in done.out
    assert "· config: a < b & ·[31mc·" in tabib("checkup", "-v").out


def test_quiet_about_what_is_fine(tabib: Tabib, daemon: ProtocolServer) -> None:
    daemon.on("GET /v1/checkup", WELL)
    done = tabib("checkup", "fine", "--fail-on", "info")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "fine: 7 containers looked at, nothing is wrong\n\nA 100  fine: nothing is wrong\n"
    )


@pytest.mark.parametrize(
    ("limit", "code"),
    [("info", 1), ("warning", 1), ("error", 1), ("critical", 0), ("never", 0)],
)
def test_fail_on(limit: str, code: int, tabib: Tabib) -> None:
    assert tabib("checkup", "--fail-on", limit).code == code


def test_what_is_asked_for(tabib: Tabib, daemon: ProtocolServer, project: Path) -> None:
    tabib("checkup", "web", "db", "--ignore", "a.b, c.*", "--ignore", "d.e", "--offline")
    tabib("checkup")
    tabib("checkup", "--all")
    first, here, everything = (asked.query for asked in daemon.to("GET /v1/checkup"))
    assert first == {"target": ["web", "db"], "project": ["shop"], "offline": ["1"],
                     "ignore": ["a.b", "c.*", "d.e"]}  # fmt: skip
    assert here == {"project": ["shop"], "offline": ["0"]}
    assert everything == {"offline": ["0"]}


def test_json_has_the_contract_first(tabib: Tabib) -> None:
    done = tabib("checkup", "--json")
    assert done.code == 1
    assert done.json == ANSWER["findings"]
    assert list(done.json[0])[:6] == ["target", "code", "severity", "summary", "evidence", "advice"]
    assert tabib("checkup", "--format", "json").out == done.out
    assert tabib("checkup", "--grades", "--json").json == ANSWER["grades"]
    assert tabib("checkup", "--grades").out.splitlines()[0] == "D  66  shop: 1 error, 2 warnings"


def test_sarif_is_what_the_standard_asks_for(tabib: Tabib, tmp_path: Path) -> None:
    """The essential structure of SARIF 2.1.0, and what code hosting sites want beyond it."""
    file = tmp_path / "out.sarif"
    done = tabib("checkup", "--format", "sarif", "-o", str(file))
    assert (done.code, done.out) == (1, "")
    assert done.err == f"1 error, 3 warnings, 1 info; written to {file}\n"
    log = json.loads(file.read_text())
    assert (log["version"], log["$schema"][-16:]) == ("2.1.0", "sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    ids = [rule["id"] for rule in driver["rules"]]
    assert driver["name"] == "tabib"
    assert len(set(ids)) == len(ids) == 4
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10
    assert len(run["results"]) == len(ANSWER["findings"])
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["region"]["startLine"] >= 1
        uri, base = place["artifactLocation"]["uri"], place["artifactLocation"].get("uriBaseId")
        assert " " not in uri
        assert base is None or base in run["originalUriBaseIds"]
        assert location["logicalLocations"][0]["fullyQualifiedName"]
        assert all(isinstance(each, str) for each in result["partialFingerprints"].values())
    assert run["originalUriBaseIds"]["ROOT"]["uri"].endswith("/")
    levels = [result["level"] for result in run["results"]]
    assert levels == ["error", "warning", "warning", "warning", "note"]


def test_sarif_names_files_from_the_folder_here(
    tabib: Tabib, project: Path, daemon: ProtocolServer
) -> None:
    mine = finding("shop/web", "memory.no-limit", "warning", file=str(project / "a b.yaml"))
    rules = {"memory.no-limit": {"explain": "e", "advice": "a"}}
    daemon.on("GET /v1/checkup", {**ANSWER, "findings": [mine], "rules": rules})
    (run,) = tabib("checkup", "--format", "sarif").json["runs"]
    (location,) = run["results"][0]["locations"]
    place = location["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "a%20b.yaml", "uriBaseId": "ROOT"}


def test_junit_is_what_continuous_integration_reads(tabib: Tabib) -> None:
    done = tabib("checkup", "--format", "junit", "--fail-on", "warning")
    tree = ElementTree.fromstring(done.out)
    assert (tree.tag, tree.get("tests"), tree.get("failures")) == ("testsuites", "6", "4")
    suites = {suite.get("name"): suite for suite in tree}
    assert set(suites) == {"shop", "(machine)", "blog", "fine"}
    shop = suites["shop"]
    cases = shop.findall("testcase")
    assert shop.get("tests") == str(len(cases)) == "3"
    assert shop.get("failures") == str(len(shop.findall("testcase/failure"))) == "3"
    assert (cases[0].get("classname"), cases[0].get("name")) == ("shop/api", "exit.killed")
    failure = cases[0].find("failure")
    assert failure is not None
    assert failure.get("message") == "exit.killed is wrong"
    assert "a < b & �[31mc�" in (failure.text or "")
    # Below the limit it is told, and passes.
    assert suites["blog"].find("testcase/failure") is None
    assert "security.root is wrong" in "".join(suites["blog"].itertext())
    assert len(suites["fine"].findall("testcase")) == 1
    assert tabib("checkup", "--format", "junit", "--fail-on", "never").out.count("<failure") == 0


def test_errors(tabib: Tabib, daemon: ProtocolServer, tmp_path: Path) -> None:
    daemon.on("GET /v1/checkup", of_error(503, kind="engine_unavailable", happened="no answer"))
    assert tabib("checkup").code == 5
    daemon.on("GET /v1/checkup", of_error(404, kind="not_found", happened="nothing of this name",
                                          target="shap", advice="Did you mean shop?"))  # fmt: skip
    done = tabib("checkup", "shap")
    assert (done.code, "Did you mean shop?" in done.err) == (2, True)
    daemon.on("GET /v1/checkup", WELL)
    done = tabib("checkup", "-o", str(tmp_path / "no" / "file"))
    assert (done.code, "No such file" in done.err) == (2, True)
    assert tabib("checkup", "--json", "--format", "sarif").code == 2
    assert tabib("checkup", "--all", "shop").code == 2
    assert tabib("checkup", "--fail-on", "much").code == 2
