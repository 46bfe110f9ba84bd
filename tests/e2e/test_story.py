"""The demo's story, told by a test: deployed, broken three times, healed, explained."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from setup import engine_api

from e2e.conftest import run_compose
from e2e.shop import FOLDER, SERVICES, Shop
from support.installation import Installation, owner_of

INCIDENT_FIELDS = {
    "id", "opened_at", "closed_at", "cluster", "project", "service", "container", "severity",
    "cause", "causes", "findings", "treatments", "outcome", "rpo_seconds", "rto_seconds", "advice",
}  # fmt: skip
PS_FIELDS = {
    "project", "service", "slot", "name", "id", "image", "state", "health", "release", "cluster",
    "node", "started_at", "restarts",
}  # fmt: skip


@pytest.fixture(scope="module")
def shop(
    engine: engine_api.Engine,
    shop_images: None,
    free_port: Callable[[], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    """One shop for the whole story; each test leaves it healthy."""
    tabib = Installation(tmp_path_factory.mktemp("story") / "s", engine)
    try:
        shop = Shop(tabib, free_port())
        tabib.env |= shop.env
        up = tabib(*shop.words, "up", timeout_s=180).well()
        print(f"\nup of the shop: {up.seconds:.1f} s with the daemon's start")
        yield shop
    finally:
        tabib.clear()
        assert owner_of(engine) is None


def at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def tell(incident: dict[str, Any]) -> None:
    """Print how long it took; the machine decides how fast that may be."""
    seen_s = (at(incident["seen_at"]) - at(incident["opened_at"])).total_seconds()
    print(
        f"\n{incident['service']} {incident['cause']['code']}: seen after {seen_s:.3f} s, "
        f"healed after {incident['rto_seconds']} s"
    )


def test_the_page_and_an_order_come_through_the_web_container(shop: Shop) -> None:
    assert "<html" in shop.page()
    placed = shop.order("coffee")
    assert placed["item"] == "coffee"
    assert shop.orders() >= 1


def test_ps_tells_what_the_contract_promises(shop: Shop) -> None:
    rows = shop.tabib("-p", shop.name, "ps", "--json").json
    assert {row["service"] for row in rows} == set(SERVICES)
    for row in rows:
        assert row.keys() >= PS_FIELDS
        assert (row["state"], row["health"], row["release"]) == ("running", "healthy", 1)
        assert row["id"] == shop.ids()[row["service"]]
    listed = shop.tabib("ls", "--json").json
    assert [row["project"] for row in listed] == [shop.name]


def test_a_second_up_has_nothing_to_do(shop: Shop) -> None:
    before = shop.ids()
    done = shop.tabib(*shop.words, "up").ended(0, "nothing to do")
    print(f"\nnothing to do: {done.seconds:.2f} s")
    assert shop.ids() == before
    assert "nothing" in shop.tabib(*shop.words, "up", "--dry-run").well().out.lower()


@pytest.mark.root
def test_a_killed_worker_is_started_again_and_explained(shop: Shop) -> None:
    known = {one["id"] for one in shop.tabib.incidents(shop.name)}
    before, orders = shop.started_at("api"), shop.orders()
    shop.kill_worker()
    shop.healed("api", before)
    incident = shop.incident("api", known)

    assert incident.keys() >= INCIDENT_FIELDS
    assert incident["outcome"] == "recovered"
    assert incident["cause"]["code"] == "exit.killed"
    assert incident["cause"].keys() >= {"code", "summary", "confidence"}
    assert incident["findings"][0].keys() >= {"code", "severity", "summary", "evidence"}
    assert {e["source"] for f in incident["findings"] for e in f["evidence"]} & {"engine", "event"}
    treatment = incident["treatments"][-1]
    assert treatment.keys() >= {"action", "reason", "started_at", "ended_at", "outcome"}
    assert (treatment["action"], treatment["outcome"]) == ("start", "verified")
    assert incident["rto_seconds"] > 0
    assert shop.orders() == orders
    tell(incident)


@pytest.mark.root
def test_the_case_is_sealed_before_anything_is_treated(shop: Shop) -> None:
    incident = shop.tabib.incidents(shop.name)[0]
    case = shop.tabib("incident", incident["id"], "--case").json
    assert (case["project"], case["service"]) == (shop.name, "api")
    assert case["exit_code"] == 137
    assert at(case["sealed_at"]) <= at(incident["treatments"][0]["started_at"])
    assert case["finished_at"]
    assert at(case["finished_at"]) <= at(case["sealed_at"])
    assert any("api" in line and "die" in line for line in case["events"])


@pytest.mark.root
def test_an_incident_is_told_in_plain_words(shop: Shop) -> None:
    incident = shop.tabib.incidents(shop.name)[0]
    page = shop.tabib("incident", incident["id"][:6]).well().out
    assert f"{shop.name}/api" in page or f"{shop.name}-api-1" in page or "api" in page
    for part in (incident["cause"]["summary"], "recovered", incident["treatments"][0]["reason"]):
        # The page wraps its lines.
        assert " ".join(part.split()) in " ".join(page.split()), page
    one = shop.tabib("incident", incident["id"], "--json").json
    assert one == incident
    assert incident["id"] in shop.tabib("-p", shop.name, "incidents").well().out


def test_a_removed_container_is_created_anew(shop: Shop) -> None:
    known = {one["id"] for one in shop.tabib.incidents(shop.name)}
    before, others = shop.started_at("web"), shop.ids()
    shop.tabib.engine.call("DELETE", f"/containers/{shop.container('web')}", query=[("force", "1")])
    shop.healed("web", before)
    incident = shop.incident("web", known)
    assert incident["outcome"] == "recovered"
    assert incident["cause"]["code"] == "config.drift"
    now = shop.ids()
    assert now["web"] != others["web"]
    assert {k: v for k, v in now.items() if k != "web"} == {
        k: v for k, v in others.items() if k != "web"
    }
    tell(incident)


def test_a_container_that_hangs_is_restarted(shop: Shop) -> None:
    known = {one["id"] for one in shop.tabib.incidents(shop.name)}
    before, orders = shop.started_at("api"), shop.orders()
    shop.hang()
    shop.healed("api", before)
    incident = shop.incident("api", known)
    assert incident["outcome"] == "recovered"
    assert incident["cause"]["code"].startswith("health.")
    assert incident["treatments"][-1]["action"] == "restart"
    assert shop.orders() == orders, "orders survive"
    tell(incident)


def test_compose_finds_nothing_to_recreate(shop: Shop, engine: engine_api.Engine) -> None:
    before = shop.ids()
    starts = {service: shop.started_at(service) for service in SERVICES}
    run_compose(
        engine, "-p", shop.name, "-f", str(FOLDER / "compose.yaml"), "up", "-d",
        cwd=FOLDER, **shop.env,
    )  # fmt: skip
    assert shop.ids() == before
    assert {service: shop.started_at(service) for service in SERVICES} == starts
    said = run_compose(engine, "-p", shop.name, "ps", "--format", "json", cwd=FOLDER, **shop.env)
    seen = {json.loads(line)["Service"] for line in said.out.splitlines()}
    assert seen == set(SERVICES)


def test_the_logs_reach_the_user(shop: Shop) -> None:
    said = shop.tabib("-p", shop.name, "logs", "-n", "5", "api", "db").well().out
    assert "api" in said
    assert "db" in said
    known = shop.tabib("-p", shop.name, "port", "web", "80").well().out
    assert known.strip().endswith(f":{shop.port}")
    images = shop.tabib("-p", shop.name, "images", "--json").json
    assert {row["repository"] for row in images} == {"nginx", "python", "postgres", "redis"}
