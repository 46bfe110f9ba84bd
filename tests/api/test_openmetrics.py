"""What is exposed: prometheus-client's own parsers read it, and find what was put in."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from api.conftest import api
from support.shelf import container, values
from support.site import House
from support.story import story
from tabib.api.openmetrics import text
from tabib.decide.exposition import COUNTER, GAUGE, UNKNOWN, Family, Read, Sample, families
from tabib.model.metrics import METRICS
from tabib.model.sample import Subject

AT = datetime(2030, 1, 1, tzinfo=UTC)
WEB = container("e", "a" * 64)
ETH = Subject(kind="interface", id="a" * 64 + "/eth0", engine_id="e", name="eth0", parent="a" * 64)


def samples(body: bytes, parse: Any = openmetrics) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for family in parse(body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def test_names_and_labels_are_those_of_cadvisor() -> None:
    reads = {
        "container": [Read(WEB, AT, values("container", cpu_us=2_500_000, oom_kills=1, health=2,
                                           memory_failures=3))],
        "interface": [Read(ETH, AT, values("interface", network_received_bytes=7))],
        "node": [Read(Subject(kind="node", id="vm", engine_id="e", name="vm"), AT,
                      values("node", cpus=2, load_1m_hundredths=150))],
    }  # fmt: skip
    found = samples(text(families(reads)))
    (cpu,) = found["container_cpu_usage_seconds_total"]
    assert cpu.value == 2.5
    assert cpu.labels == {
        "id": "/docker/" + "a" * 64, "name": "tale-web-1", "image": "busybox:1.36", "cpu": "total",
        "container_label_com_docker_compose_project": "tale",
        "container_label_com_docker_compose_service": "web",
    }  # fmt: skip
    (received,) = found["container_network_receive_bytes_total"]
    assert (received.labels["interface"], received.labels["name"]) == ("eth0", "tale-web-1")
    assert found["container_last_seen"][0].value == AT.timestamp()
    assert found["container_spec_memory_limit_bytes"][0].value == 0
    assert found["container_memory_failcnt"][0].value == 3
    assert found["machine_cpu_cores"][0].value == 2
    assert found["tabib_node_load1"][0].value == 1.5
    health = {one.labels["health"]: one.value for one in found["tabib_container_health"]}
    assert health == {"starting": 0, "healthy": 1, "unhealthy": 0}
    # What was not read is absent, not zero.
    assert "container_memory_usage_bytes" not in found


def test_every_metric_of_a_container_is_exposed_or_left_out_on_purpose() -> None:
    everything = tuple(range(1, len(METRICS["container"]) + 1))
    found = samples(text(families({"container": [Read(WEB, AT, everything)]})))
    shown = len([name for name in found if not name.startswith("tabib_container_health")])
    # Of networks the interfaces tell; state is left to health and to being there.
    left_out = 8 + len(("state", "health", "memory_limit_bytes"))
    assert shown == len(METRICS["container"]) - left_out + len(("last_seen", "limit"))


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
_FAMILIES = st.lists(
    st.builds(
        lambda kind, help, rows: Family(
            "a_name", kind, help, ("one", "two"), [Sample(*each) for each in rows.items()]
        ),
        st.sampled_from([COUNTER, GAUGE, UNKNOWN]),
        _TEXT,
        st.dictionaries(st.tuples(_TEXT, _TEXT), st.integers(0, 2**50) | st.floats(0, 1e12),
                        min_size=1, max_size=4),
    ),
    max_size=1,
)  # fmt: skip


@given(_FAMILIES)
def test_any_text_in_labels_comes_through(given_: list[Family]) -> None:
    for parse, plain in ((openmetrics, False), (prometheus, True)):
        found = samples(text(given_, prometheus=plain), parse)
        for family in given_:
            got = {
                (one.labels["one"], one.labels["two"]): one.value for one in found[family.full_name]
            }
            assert set(got) == {one.labels for one in family.samples}
            assert all(math.isclose(got[one.labels], one.value) for one in family.samples)


@story
async def test_the_route(house: House) -> None:
    async with api(house) as here:
        at = here.daemon.clock.now()
        who = container(here.engine, "a" * 64)
        await here.shelf.read(at, (who, values("container", cpu_us=1)))
        answer = await here.get("/metrics")
        found = samples(answer.body)
        assert "openmetrics-text" in answer.kind
        assert found["tabib_recorder_ticks_total"][0].value == 7
        assert found["tabib_incidents_open"][0].value == 0
        assert {one.labels["store"] for one in found["tabib_recorder_store_bytes"]} == {
            "series", "logs"}  # fmt: skip
        plain = await here.get("/metrics", format="prometheus")
        assert "text/plain" in plain.kind
        assert samples(plain.body, prometheus).keys() == found.keys()
        rows = (await here.get("/metrics", format="json")).json
        assert {row["name"] for row in rows} == found.keys()
        status = (await here.get("/v1/daemon/status")).json
        assert status["engines"][0]["recorder"]["ticks"] == 7
        assert status["engines"][0]["recorder"]["series"]["trouble"] == ""
