"""What Docker Compose started is taken into care, healed, and let go, with nothing recreated."""

from __future__ import annotations

from pathlib import Path

from setup import engine_api

from e2e.conftest import run_compose
from e2e.shop import started
from support.installation import Installation, owner_of, until

ADOPTED = """
services:
  one:
    image: busybox:1.36
    command: ["sh", "-c", "echo from the file > /data/kept; exec sleep 3600"]
    init: true
    stop_grace_period: 1s
    volumes: ["data:/data", "/anonymous"]
    environment: {WORD: "a secret, perhaps"}
  two:
    image: busybox:1.36
    command: ["sleep", "3600"]
    init: true
    depends_on: [one]
volumes:
  data: {}
"""


def test_adopted_cared_for_and_let_go(
    tabib: Installation, engine: engine_api.Engine, tmp_path: Path
) -> None:
    folder = tabib.project(tmp_path / "p", ADOPTED)
    name = tabib.prefix
    run_compose(engine, "up", "-d", cwd=folder)
    before = {one: tabib.containers(name)[one]["Id"] for one in tabib.containers(name)}
    assert set(before) == {f"{name}-one-1", f"{name}-two-1"}

    tabib("adopt", name).ended(0, "in care", "2 containers")
    assert {one: found["Id"] for one, found in tabib.containers(name).items()} == before

    # Recreated from what was inspected, before `up` ever saw the file.
    victim = f"{name}-one-1"
    old = tabib.inspect(victim)
    assert old is not None
    engine.call("DELETE", f"/containers/{victim}", query=[("force", "1")])
    new = until(
        lambda: (found := tabib.inspect(victim)) and found["State"]["Running"] and found,
        30,
        "the adopted container anew",
    )
    for part in ("Env", "Cmd", "Labels", "Image"):
        assert new["Config"][part] == old["Config"][part], part
    assert sorted(m["Name"] for m in new["Mounts"]) == sorted(m["Name"] for m in old["Mounts"])
    assert sorted(new["NetworkSettings"]["Networks"]) == sorted(old["NetworkSettings"]["Networks"])
    incident = until(
        lambda: next((one for one in tabib.incidents(name) if one["closed_at"]), None),
        30,
        "the incident's end",
    )
    assert (incident["cause"]["code"], incident["outcome"]) == ("config.drift", "recovered")

    starts = {one: started(tabib.inspect(one) or {}) for one in before}
    tabib("up", cwd=folder).ended(0, "nothing to do")
    assert {one: started(tabib.inspect(one) or {}) for one in before} == starts

    tabib("disown", name).ended(0, "let go")
    assert all(tabib.running(one) for one in before)
    assert owner_of(engine) is None, "nothing is in care: the engine is free again"
    assert not [row for row in tabib("ls", "-a", "--json").json if row.get("care") == "act"]


REFERRING = """
services:
  held: {image: "busybox:1.36", command: sleep 3600, init: true, volumes: [/anonymous]}
  named:
    {image: "busybox:1.36", command: sleep 3600, init: true, ipc: shareable, container_name: NAMED}
  views:
    image: busybox:1.36
    command: sleep 3600
    init: true
    volumes_from: [held, "container:NAMED"]
    pid: service:held
    ipc: service:named
    links: [named]
  joined: {image: "busybox:1.36", command: sleep 3600, init: true, network_mode: "service:held"}
"""


def test_what_refers_to_other_containers_is_not_recreated_either(
    tabib: Installation, engine: engine_api.Engine, tmp_path: Path
) -> None:
    text = REFERRING.replace("NAMED", f"{tabib.prefix}-own")
    folder = tabib.project(tmp_path / "p", text)
    run_compose(engine, "up", "-d", cwd=folder)
    before = {one: found["Id"] for one, found in tabib.containers(tabib.prefix).items()}
    assert len(before) == 4

    tabib("up", cwd=folder).ended(0, "nothing to do")
    (folder / "compose.yaml").write_text(
        (folder / "compose.yaml").read_text().replace("links: [named]", "links: [named, held]")
    )
    plan = tabib("up", "--dry-run", cwd=folder).well().out
    assert f"{tabib.prefix}-views-1" in plan, "what did change is seen"
    assert f"{tabib.prefix}-joined-1" not in plan
