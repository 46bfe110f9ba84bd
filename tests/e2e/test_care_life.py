"""The life of incidents on a real engine: one for each cause, a bad release taken back, a person's
word asked for and taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.installation import Installation, until

WITHIN_S = 75.0
QUICK = "{interval: 1s, timeout: 2s, retries: 2, start_period: 0s"
SHOP = f"""
services:
  db:
    image: busybox:1.36
    init: true
    stop_grace_period: 1s
    command:
      - sh
      - -c
      - mkdir -p /www; echo well > /www/index.html; exec httpd -f -p 5432 -h /www
    healthcheck: {QUICK}, test: ["CMD", "wget", "-q", "-O-", "http://127.0.0.1:5432/"]}}
  web:
    image: busybox:1.36
    init: true
    stop_grace_period: 1s
    depends_on: {{db: {{condition: service_healthy}}}}
    command: ["sleep", "3600"]
    healthcheck: {QUICK}, test: ["CMD", "wget", "-q", "-O-", "http://db:5432/"]}}
"""
RELEASE = """
services:
  app:
    image: busybox:1.36
    init: true
    stop_grace_period: 1s
    expose: ["80"]
    command: {command}
    x-tabib: {{care: {care}}}
"""
GOOD = '["sleep", "3600"]'
BAD = '["sh", "-c", "echo cannot read settings >&2; exit 3"]'


def closed(tabib: Installation, count: int) -> list[dict[str, Any]]:
    """All incidents, once there are ``count`` and all of them are closed."""

    def over() -> list[dict[str, Any]] | None:
        found = tabib.incidents(tabib.prefix)
        return found if len(found) >= count and all(one["closed_at"] for one in found) else None

    return until(over, WITHIN_S, f"the end of {count} incidents")


def one(tabib: Installation, outcome: str) -> dict[str, Any]:
    """The only incident, once it has this outcome."""

    def found() -> dict[str, Any] | None:
        incidents = tabib.incidents(tabib.prefix)
        assert len(incidents) < 2, incidents
        return incidents[0] if incidents and incidents[0]["outcome"] == outcome else None

    return until(found, WITHIN_S, f"an incident that is {outcome}")


def command(tabib: Installation, container: str) -> list[str]:
    inspection = tabib.inspect(container)
    assert inspection is not None
    return list(inspection["Config"]["Cmd"])


def test_a_hanging_database_is_one_incident_with_its_symptom_under_it(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "shop", SHOP)
    tabib("up", cwd=folder, timeout_s=90).well()
    web = f"{tabib.prefix}-web-1"
    before = tabib.inspect(web)
    # The server hangs: it is there, and answers nobody, until it is restarted.
    tabib("exec", "-T", "db", "sh", "-c", "kill -STOP $(pidof httpd)", cwd=folder).well()
    found = {each["service"]: each for each in closed(tabib, 2)}
    db, symptom = found["db"], found["web"]
    assert (symptom["parent"], symptom["cause"]["service"]) == (db["id"], "db")
    assert db["parent"] == ""
    assert symptom["treatments"] == []
    assert [each["outcome"] for each in db["treatments"]] == ["verified"]
    assert db["closed_at"] >= symptom["closed_at"]
    after = tabib.inspect(web)
    assert before is not None
    assert after is not None
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]  # left alone
    listed = tabib("incidents", cwd=folder).well().out
    assert f"└ {tabib.prefix}/web" in listed
    page = tabib("incident", db["id"], cwd=folder).well().out
    assert "It also explains" in page


def test_a_bad_release_is_taken_back_and_the_undo_is_the_persons(
    tabib: Installation, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "app", RELEASE.format(command=GOOD, care="act"))
    app = f"{tabib.prefix}-app-1"
    tabib("up", cwd=folder, timeout_s=90).well()
    tabib.project(folder, RELEASE.format(command=BAD, care="act"))
    tabib("up", cwd=folder, timeout_s=90)  # it may notice, or not
    incident = one(tabib, "recovered")
    assert incident["treatments"][-1]["action"] == "rollback"
    assert incident["treatments"][-1]["outcome"] == "verified"
    assert command(tabib, app) == ["sleep", "3600"]
    assert any("release 2 changed the configuration" in each["text"]
               for each in incident["timeline"])  # fmt: skip
    rows = tabib("-p", tabib.prefix, "releases", "--json").json
    assert {row["number"]: row["verdict"] for row in rows} == {1: "good", 2: "failed", 3: "good"}
    tabib("incident", incident["id"], "--undo", cwd=folder, timeout_s=90).well()
    until(lambda: command(tabib, app)[0] == "sh", 10, "the bad release again")
    until(
        lambda: tabib.incidents(tabib.prefix)[0]["outcome"] == "needs_human", WITHIN_S, "giving up"
    )
    actions = [each["action"] for each in tabib.incidents(tabib.prefix)[0]["treatments"]]
    assert actions.count("rollback") == 1


def test_what_is_advised_is_done_at_a_persons_word(tabib: Installation, tmp_path: Path) -> None:
    folder = tabib.project(tmp_path / "app", RELEASE.format(command=GOOD, care="advise"))
    app = f"{tabib.prefix}-app-1"
    tabib("up", cwd=folder, timeout_s=90).well()
    tabib("exec", "-T", "app", "sh", "-c", "kill -9 $(pidof sleep)", cwd=folder)
    incident = one(tabib, "needs_human")
    assert [each["outcome"] for each in incident["treatments"]] == ["offered"]
    assert not tabib.running(app)
    page = tabib("incident", incident["id"]).well().out
    assert f"tabib incident {incident['id']} --treat" in page
    tabib("incident", incident["id"], "--treat", timeout_s=90).well()
    assert tabib.running(app)
    assert one(tabib, "recovered")["treatments"][-1]["outcome"] == "verified"
    tabib("incident", incident["id"], "--treat").ended(3, "it is over")
    tabib("incident", incident["id"], "--undo").ended(3, "undone by a stop")
    tabib("incident", incident["id"], "--close").ended(3, "closed already")
    tabib("incident", "nosuch", "--close").ended(2, "no such incident")
