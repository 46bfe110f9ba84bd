"""The routes of reports, on the incident of a daemon that cares: every format, and no secret."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from api.conftest import Api, api
from support.patients import CALM_S
from support.projects import project, service
from support.shelf import container, values
from support.site import House
from support.story import story
from tabib.engines.memory import Program
from tabib.model.incident import Incident
from tabib.model.project import FileObject

CANARIES = {
    "environment": "canary-env-5f1c9a",
    "argument": "canary-arg-77e0b2",
    "file": "canary-file-a41d3e",
    "label": "canary-label-c0ffee",
    "log": "canary-log-9d8e7f",
}
FORMATS = ("html", "md", "json")


async def broken(here: Api, house: House, folder: Path) -> Incident:
    """A service that dies with secrets wherever one can stand, and its incident."""
    told = [
        f"login with {CANARIES['environment']} failed",
        f"read {CANARIES['file']} from the file, {CANARIES['argument']} from the command line",
        f"password={CANARIES['log']}",
        "FATAL: <script>alert('no')</script>",
    ]
    house.world.programs.set(Program(exit_code=3, after_s=2.0, log=told), service="web")
    (folder / "token").write_text(CANARIES["file"] + "\n", encoding="utf-8")
    secret = FileObject(key="token", name="tale_token", file=str(folder / "token"))
    web = service(
        "web",
        environment={"DB_PASSWORD": CANARIES["environment"]},
        command=["serve", f"--password={CANARIES['argument']}"],
        labels={"api.token": CANARIES["label"]},
    )
    await here.daemon.up(project(web, service("db"), secrets={"token": secret}))
    await here.daemon.passes(CALM_S)
    found = [one for one in await here.daemon.incidents() if one.service == "web"]
    assert found
    return found[0]


@story
async def test_every_format_tells_the_facts_and_no_secret(house: House, tmp_path: Path) -> None:
    async with api(house) as here:
        incident = await broken(here, house, tmp_path)
        path = f"/v1/incidents/{incident.id[:6]}/report"
        answers = {form: await here.get(path, format=form) for form in FORMATS}
        answers["days"] = await here.get("/v1/report", project="tale")
        answers["days md"] = await here.get("/v1/report", format="md")
        for form, answer in answers.items():
            assert answer.status == 200, (form, answer.body)
            text = answer.body.decode()
            for where, canary in CANARIES.items():
                assert canary not in text, (form, where)
            assert incident.cause.code in text, form
        assert answers["html"].kind == "text/html; charset=utf-8"
        assert answers["md"].kind == "text/markdown; charset=utf-8"
        page = answers["html"].body.decode()
        assert "&lt;script&gt;alert" in page
        assert "<script" not in page
        made = answers["json"].json
        assert made["incident"]["id"] == incident.id
        assert len(made["cases"]) == min(len(incident.case_ids), 10)
        for said in ("login with", "from the command line"):
            assert said in page, "the log is not there: nothing was proven"
        assert made.keys() == {"incident", "cases", "parent", "children", "absent"}


@story
async def test_what_came_after_is_drawn(house: House, tmp_path: Path) -> None:
    async with api(house) as here:
        incident = await broken(here, house, tmp_path)
        who = container(here.engine, "f" * 64)
        begun = here.daemon.clock.now()
        assert who.name == incident.container
        before = (await here.get(f"/v1/incidents/{incident.id}/report")).body.decode()
        assert 'id="container-processes-t"' not in before
        for tick in range(6):
            await here.daemon.passes(5)
            await here.shelf.read(
                here.daemon.clock.now(), (who, values("container", processes=4 + tick))
            )
        assert here.daemon.clock.now() > begun
        after = (await here.get(f"/v1/incidents/{incident.id}/report")).body.decode()
        assert 'id="container-processes-t"' in after


@story
async def test_children_and_parent(house: House, tmp_path: Path) -> None:
    async with api(house) as here:
        parent = await broken(here, house, tmp_path)
        child = replace(parent, id="c1d2e3", service="front", parent=parent.id, case_ids=())
        await here.daemon.journal.put_incident(child)
        text = (await here.get(f"/v1/incidents/{parent.id}/report", format="md")).body.decode()
        assert "**What came of it:** tale/front" in text
        text = (await here.get("/v1/incidents/c1d2e3/report", format="md")).body.decode()
        assert f"**It came of:** incident `{parent.id}`" in text


@story
async def test_a_summary_of_days(house: House, tmp_path: Path) -> None:
    async with api(house) as here:
        incident = await broken(here, house, tmp_path)
        who = container(here.engine, "f" * 64)
        for tick in range(7):
            at = here.daemon.clock.now()
            await here.shelf.read(at, (who, values("container", cpu_us=tick * 5_000_000)))
            await here.daemon.passes(10)
        made = (await here.get("/v1/report", project="tale", format="json")).json
        assert made["incidents"] >= 1
        assert incident.cause.code in {one["code"] for one in made["causes"]}
        names = {one["service"]: one for one in made["availability"]}
        assert names["db"]["available"] == 1.0
        assert names["web"]["trouble_seconds"] > 0
        assert [one["number"] for one in made["releases"]] == [1]
        seal = next(one for one in made["timings"] if one["name"] == "seal")
        assert seal["count"] >= 1
        assert "tale-web-1" in {one["name"] for one in made["consumers"]}
        nothing = (await here.get("/v1/report", project="other", format="md")).body.decode()
        assert nothing.startswith("## other: no incidents")


@story
async def test_what_is_asked_wrongly(house: House) -> None:
    async with api(house) as here:
        assert (await here.get("/v1/incidents/nope/report")).error["happened"]
        wrong = (await here.get("/v1/report", format="pdf")).error
        assert wrong["kind"] == "usage"
        assert "html, md, json" in wrong["advice"]


def test_a_daemon_imports_what_makes_reports_with_the_first_one() -> None:
    probe = "import sys, tabib.daemon; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert (
        set(done.stdout.split()) & {"jinja2", "tabib.operations.reporting", "tabib.decide.reports"}
        == set()
    )
