"""What the adapter creates is what Docker Compose creates, and the other way round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support import compose_creation
from support.real_engine import IMAGE, step
from tabib.engines.docker import DockerEngine
from tabib.model.container import LABEL_PROJECT, ContainerSpec
from tabib.model.plan import Verb

pytestmark = [pytest.mark.engine, pytest.mark.oracle]

COMPOSE = """
services:
  plain:
    image: IMAGE
    command: sleep 1000
    volumes: [/shared]
  words:
    image: IMAGE
    entrypoint: ["/bin/sh", "-c"]
    command: ["sleep 1000"]
    environment: {A: "1", B: , C: "x=y"}
    user: "0:0"
    working_dir: /tmp
    hostname: hh
    domainname: dd.test
    labels: {a.b: c}
    healthcheck: {test: "true", interval: 1m30s, timeout: 500ms, retries: 2, start_period: 5s}
    stop_signal: SIGINT
    stop_grace_period: 1m5s
    tty: true
    stdin_open: true
    init: true
    logging: {driver: json-file, options: {max-size: 1m}}
  limits:
    image: IMAGE
    deploy:
      resources:
        limits: {cpus: "0.5", memory: 64m, pids: 50}
        reservations: {memory: 32m, cpus: "0.1"}
      restart_policy: {condition: on-failure, max_attempts: 4, delay: 5s}
    cpu_shares: 512
    cpuset: "0"
    memswap_limit: 128m
    ulimits: {nproc: 100, nofile: {soft: 1000, hard: 2000}}
    blkio_config: {weight: 300, device_read_bps: [{path: /dev/null, rate: 1mb}]}
    oom_score_adj: 100
    cgroup_parent: /foo
  flat:
    image: IMAGE
    cpus: 0.25
    mem_limit: 32m
    mem_reservation: 16m
    pids_limit: 7
    restart: on-failure:3
  rights:
    image: IMAGE
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    read_only: true
    security_opt: ["no-new-privileges:true", "seccomp:unconfined", "systempaths=unconfined"]
    sysctls: {net.core.somaxconn: 1024}
    shm_size: 128m
    tmpfs: ["/run:size=1m,mode=755", /t2]
    devices: ["/dev/null:/dev/nn:rw", "/dev/zero"]
    device_cgroup_rules: ["c 1:3 mr"]
    group_add: ["10", mail]
    ipc: shareable
    pid: host
    restart: always
  quota:
    image: IMAGE
    cpu_quota: 50000
    cpu_period: 100000
  privileged:
    image: IMAGE
    privileged: true
    uts: host
    restart: unless-stopped
  network:
    image: IMAGE
    ports:
      - "127.0.0.1:18080:80"
      - "53/udp"
      - "18100-18102:8100-8102"
      - {target: 99, published: "18200-18210", mode: host}
    expose: ["7000", "7001/udp"]
    dns: [1.1.1.1]
    dns_search: [x.test]
    dns_opt: ["ndots:2"]
    extra_hosts: ["a:1.2.3.4", "b=::1", "gw:host-gateway"]
    networks:
      front: {aliases: [ff], priority: 10}
      back: {ipv4_address: 10.97.5.9}
  addressed:
    image: IMAGE
    mac_address: 02:42:ac:11:65:43
    networks: {front: {driver_opts: {com.example.x: "1"}}}
  mounts:
    image: IMAGE
    volumes:
      - data:/data
      - data:/data2:ro
      - ./b:/b:ro
      - ./c:/c:ro,z
      - type: bind
        source: ./d
        target: /d
        bind: {create_host_path: false, propagation: rprivate}
      - {type: bind, source: ./e, target: /e}
      - /anon
      - {type: volume, source: data, target: /nocopy, volume: {nocopy: true}}
      - {type: tmpfs, target: /tm, tmpfs: {size: 1m, mode: 0o755}}
    secrets: [s1]
    configs: [c1]
  linked:
    image: IMAGE
    links: ["plain:bb"]
    volumes_from: ["plain"]
    depends_on: [plain]
  joined:
    image: IMAGE
    network_mode: service:plain
    pid: service:plain
    healthcheck: {disable: true}
  alone:
    image: IMAGE
    network_mode: none
    entrypoint: []
    command: []
networks:
  front: {labels: {x: y}}
  back:
    internal: true
    ipam: {config: [{subnet: 10.97.5.0/24, gateway: 10.97.5.1, aux_addresses: {h: 10.97.5.3}}]}
volumes:
  data: {labels: {k: v}}
secrets:
  s1: {file: ./s1.txt}
configs:
  c1: {content: hello}
"""


@pytest.fixture
def folder(tmp_path: Path, prefix: str) -> Path:
    text = COMPOSE.replace("IMAGE", IMAGE)
    (tmp_path / "compose.yaml").write_text(f"name: {prefix}\n{text}")
    (tmp_path / "s1.txt").write_text("secret")
    for name in "bcde":
        (tmp_path / name).mkdir()
    return tmp_path


async def test_the_same_containers(engine: DockerEngine, folder: Path, prefix: str) -> None:
    model = await compose_creation.config(folder)
    await compose_creation.compose(folder, "create")
    theirs = await _inspections(engine, prefix)
    assert len(theirs) == len(model["services"])
    await _replace(engine, model, theirs)
    ours = await _inspections(engine, prefix)
    for name, inspection in theirs.items():
        assert compose_creation.comparable(ours[name]) == compose_creation.comparable(inspection), (
            name
        )
    await compose_creation.compose(folder, "create")
    kept = await _inspections(engine, prefix)
    replaced = {name for name, each in kept.items() if each["Id"] != ours[name]["Id"]}
    # Compose hashes the ids of containers that these refer to: they changed with the first half
    assert replaced == {f"{prefix}-linked-1", f"{prefix}-joined-1"}


async def test_an_adopted_container_is_recreated_the_same(
    engine: DockerEngine, folder: Path, prefix: str
) -> None:
    await compose_creation.compose(folder, "create")
    theirs = await _inspections(engine, prefix)
    renewed: dict[str, str] = {}
    for name in _in_order(theirs):
        await engine.apply(step(Verb.REMOVE_CONTAINER, name, options={"force": True}))
        spec = ContainerSpec(
            name=name,
            project=prefix,
            service_name="",
            slot=1,
            image="",
            raw=_renamed(engine.recreate_body(theirs[name]), renewed),
        )
        made = await engine.apply(step(Verb.CREATE_CONTAINER, name, container=spec))
        renewed[theirs[name]["Id"]] = made.id
    ours = await _inspections(engine, prefix)
    for name, inspection in theirs.items():
        mine, original = (
            compose_creation.comparable(ours[name]),
            compose_creation.comparable(inspection),
        )
        for side in (mine, original):
            # volumes that had no name now have one, and are named where they were implied
            side.pop("HostConfig.Mounts")
            for mount in side["Mounts"]:
                mount.pop("Mode")
        assert mine == original, name
        assert _volumes(ours[name]) == _volumes(inspection)
    # volumes that are attached by name outlive their containers: they are this test's to remove
    for name in reversed(_in_order(theirs)):
        await engine.apply(step(Verb.REMOVE_CONTAINER, name, options={"force": True}))
    for volume in {name for each in theirs.values() for name in _volumes(each).values()}:
        await engine.apply(step(Verb.REMOVE_VOLUME, volume))


async def _replace(engine: DockerEngine, model: Any, theirs: dict[str, Any]) -> None:
    project = str(model["name"])
    names = {service: f"{project}-{service}-1" for service in model["services"]}
    for name in reversed(_in_order(theirs)):
        options = {"force": True, "volumes": True}
        await engine.apply(step(Verb.REMOVE_CONTAINER, name, options=options))
    for name in _in_order(theirs):
        service = name.removeprefix(f"{project}-").removesuffix("-1")
        labels = theirs[name]["Config"]["Labels"]
        # other containers are known to the engine by name or by id; Compose uses ids
        ids = {key: (await _id(engine, value)) for key, value in names.items()}
        spec = compose_creation.spec_of(
            model, service, labels, ids if service == "joined" else names
        )
        await engine.apply(step(Verb.CREATE_CONTAINER, name, container=spec))


def _in_order(inspections: dict[str, Any]) -> list[str]:
    """Those that others refer to first."""
    last = ("linked-1", "joined-1")
    return sorted(inspections, key=lambda name: name.endswith(last))


async def _id(engine: DockerEngine, name: str) -> str:
    seen = await engine.observe(detail=False)
    return next((state.id for state in seen.containers if state.name == name), name)


async def _inspections(engine: DockerEngine, project: str) -> dict[str, Any]:
    seen = await engine.observe(project, detail=False)
    assert all(state.labels[LABEL_PROJECT] == project for state in seen.containers)
    return {state.name: await engine.inspect(state.name) for state in seen.containers}


def _renamed(body: Any, renewed: dict[str, str]) -> Any:
    """The body with the ids of containers that were recreated before it."""
    text = json.dumps(body)
    for old, new in renewed.items():
        text = text.replace(old, new)
    return json.loads(text)


def _volumes(inspection: Any) -> dict[str, str]:
    return {
        mount["Destination"]: mount["Name"]
        for mount in inspection["Mounts"]
        if mount["Type"] == "volume"
    }
