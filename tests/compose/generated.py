"""Whole projects drawn by Hypothesis: services with properties in all their forms, merged files.

Each property has its forms; a project picks properties, forms, variables and a way to layer them
(override files, ``extends``, ``include``). Values stay within what Compose can be asked about:
whether it takes or refuses them is for the oracle to say.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Draw = Any
_NAMES = ["web", "db", "job"]
_WORDS = ["a", "b", "1", "", "x y", "${A}", "${U:-d}", "${B:+p}", "$$A", "true", "é", "a=b"]
_PATHS = ["./p", "../q", "/abs", "~/h", "p/q", "."]
_DURATIONS = ["1s", "1m30s", "0s", "1.5h", "10ms", "${D:-2s}", "1d", "2w", "3h2m", "5"]
_SIZES = ["1m", "1.5g", 1024, "2kb", "${S:-64m}", "0", "1 GiB", "-1"]
_NUMBERS = [0, 1, 7, "2", "${N:-3}", 12, 3, "${N-5}", -1]
_FLAGS = [True, False, "true", "${T:-false}", "${T-yes}", 1]


def _one(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def _several(values: list[Any], size: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), min_size=0, max_size=size, unique_by=repr)


def _map(keys: list[str], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(keys), values, max_size=3)


def _part(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


_WORD = st.sampled_from(_WORDS)
_SCALAR = st.one_of(_WORD, st.sampled_from([1, 0, True, False, None, 2.5, 1e21]))
_PAIRS = st.one_of(
    _map(["A", "B", "k.l", "x-m"], _SCALAR),
    _several(["A=1", "A=2", "B", "B=${A}", "k.l=v", "=", "C==x"]),
)
_PORTS = _several(
    ["80", 80, "80:80", "8080:80/udp", "127.0.0.1:80:80", "3000-3002:3000-3002", "${P:-81}:80",
     "[::1]:80:80", ":80", "3000-3001:80",
     {"target": 80}, {"target": 80, "published": "80"}, {"target": 80, "published": 8080},
     {"target": 53, "protocol": "udp", "mode": "host", "host_ip": "::1", "name": "n"}],
)  # fmt: skip
_VOLUMES = _several(
    ["v:/a", "./p:/a", "./p:/b:ro", "/c", "~/h:/h", "w:/w:nocopy", "v:/a:z", "/abs:/a:rw,Z",
     {"type": "volume", "source": "v", "target": "/a/"},
     {"type": "bind", "source": "./p", "target": "/b", "bind": {"propagation": "rshared"}},
     {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m", "mode": 0o700}},
     {"type": "volume", "source": "w", "target": "/w", "read_only": True,
      "volume": {"nocopy": True, "subpath": "s"}}],
)  # fmt: skip
_GRANTS = _several(
    ["s", "c", {"source": "s"}, {"source": "c", "target": "/x", "uid": "1", "mode": 0o440},
     {"source": "s", "target": "t", "mode": "0400"}],
    2,
)  # fmt: skip
_ENV_FILE = st.one_of(
    _one("one.env", "none.env"),
    _several(["one.env", "two.env", {"path": "none.env", "required": False},
              {"path": "one.env", "format": "raw"}]),
)  # fmt: skip
_NETWORKS = st.one_of(
    _several(["n", "m", "default"]),
    _map(["n", "m", "default"], st.one_of(st.none(), _part(
        aliases=_several(["x", "y"]), priority=_one(*_NUMBERS), ipv4_address=_one("10.0.0.2"),
        driver_opts=_map(["a"], _SCALAR), interface_name=_one("eth9"),
    ))),
)  # fmt: skip
_DEPENDS = st.one_of(
    _several(_NAMES),
    _map(_NAMES, _part(
        condition=_one("service_started", "service_healthy", "service_completed_successfully"),
        restart=_one(True, False), required=_one(True, False),
    )),
)  # fmt: skip
_HEALTH = _part(
    test=_one("true", ["CMD", "a"], ["CMD-SHELL", "a b"], ["NONE"], [], ["x"]),
    interval=_one(*_DURATIONS), timeout=_one(*_DURATIONS), retries=_one(*_NUMBERS),
    start_period=_one(*_DURATIONS), start_interval=_one(*_DURATIONS), disable=_one(*_FLAGS),
)  # fmt: skip
_BUILD = st.one_of(_one(".", "./p", "https://github.com/a/b.git"), _part(
    context=_one(*_PATHS), dockerfile=_one("D", "../D"), args=_PAIRS, labels=_PAIRS,
    target=_WORD, tags=_several(["t", "u:1"]), cache_from=_several(["c", "d"]),
    platforms=_several(["linux/amd64"]), secrets=_several(["s", {"source": "s", "target": "z"}]),
    extra_hosts=st.one_of(_several(["h:1.1.1.1", "h=::1"]), _map(["h", "i"], _one("1.1.1.1"))),
    shm_size=_one(*_SIZES), no_cache=_one(*_FLAGS), network=_one("host", "none"),
    additional_contexts=st.one_of(_several(["a=./p", "b=docker-image://x"]),
                                  _map(["a"], _one(*_PATHS))),
))  # fmt: skip
_RESOURCES = _part(
    limits=_part(cpus=_one("0.5", 1, "${C:-2}"), memory=_one(*_SIZES), pids=_one(*_NUMBERS)),
    reservations=_part(
        cpus=_one("0.25"), memory=_one(*_SIZES),
        devices=_several([{"capabilities": ["gpu"], "count": "all"}], 2),
    ),
)  # fmt: skip
_DEPLOY = _part(
    mode=_one("global", "replicated"), replicas=_one(*_NUMBERS), labels=_PAIRS,
    resources=_RESOURCES, endpoint_mode=_one("dnsrr", "vip"),
    restart_policy=_part(condition=_one("any", "none"), delay=_one(*_DURATIONS),
                         max_attempts=_one(*_NUMBERS)),
    update_config=_part(parallelism=_one(*_NUMBERS), order=_one("start-first"),
                        max_failure_ratio=_one(0.5, "0.1", 1)),
    placement=_part(constraints=_several(["a==b", "c!=d"]), max_replicas_per_node=_one(1)),
)  # fmt: skip
_ULIMITS = _map(["nofile", "nproc"], st.one_of(
    _one(*_NUMBERS), st.fixed_dictionaries({"soft": _one(1, "2"), "hard": _one(3, "${H:-4}")})
))  # fmt: skip
_LIST_OR_TEXT = st.one_of(_one("1.1.1.1", "${U}"), _several(["1.1.1.1", "2.2.2.2", "${U:-3}"]))

PROPERTIES: dict[str, st.SearchStrategy[Any]] = {
    "annotations": _PAIRS, "attach": _one(*_FLAGS), "build": _BUILD,
    "cap_add": _several(["A", "B"]), "cap_drop": _several(["A", "ALL"]),
    "cgroup_parent": _WORD, "command": st.one_of(_WORD, _several(_WORDS), _one("a 'b c' d", None)),
    "configs": _GRANTS, "container_name": _one("one", "two"), "cpu_shares": _one(*_NUMBERS),
    "cpus": _one(*_NUMBERS, "0.25"), "depends_on": _DEPENDS, "deploy": _DEPLOY,
    "devices": _several(["/dev/a", "/dev/a:/dev/b:r", {"source": "/dev/a", "target": "/dev/b"}]),
    "dns": _LIST_OR_TEXT, "dns_search": _LIST_OR_TEXT, "dns_opt": _several(["a", "b"]),
    "domainname": _WORD, "entrypoint": st.one_of(_WORD, _several(_WORDS)), "env_file": _ENV_FILE,
    "environment": _PAIRS, "expose": _several(["80", 81, "82/udp", "90-91"]),
    "extra_hosts": st.one_of(_several(["h:1.1.1.1", "i=::1", "j:host-gateway"]),
                             _map(["h", "i"], _one("1.1.1.1", "[::1]", ["1.1.1.1", "2.2.2.2"]))),
    "gpus": _one("all", [{"driver": "nvidia", "count": 2}], [{"device_ids": ["1"]}]),
    "group_add": _several(["a", 1, "2"]), "healthcheck": _HEALTH, "hostname": _WORD,
    "init": _one(*_FLAGS), "ipc": _one("host", "service:db"), "labels": _PAIRS,
    "links": _several(["db", "db:d", "job"]),
    "logging": _part(driver=_one("json-file", "syslog"), options=_map(["a", "b"], _SCALAR)),
    "mac_address": _WORD, "mem_limit": _one(*_SIZES), "mem_reservation": _one(*_SIZES),
    "memswap_limit": _one(*_SIZES), "network_mode": _one("host", "none", "service:db"),
    "networks": _NETWORKS, "oom_score_adj": _one(*_NUMBERS), "pid": _one("host", "service:db"),
    "pids_limit": _one(*_NUMBERS), "platform": _one("linux/amd64"), "ports": _PORTS,
    "post_start": _several([{"command": "a"}, {"command": ["b"], "user": "r"}], 2),
    "privileged": _one(*_FLAGS), "profiles": _several(["p", "q"], 2),
    "pull_policy": _one("always", "if_not_present", "daily", "every_2d", "x"),
    "read_only": _one(*_FLAGS), "restart": _one("no", "always", "on-failure:3", "unless-stopped"),
    "scale": _one(*_NUMBERS), "secrets": _GRANTS, "security_opt": _several(["a:b", "c"]),
    "shm_size": _one(*_SIZES), "stop_grace_period": _one(*_DURATIONS), "stop_signal": _WORD,
    "storage_opt": _map(["size"], _SCALAR), "sysctls": _PAIRS, "tmpfs": _LIST_OR_TEXT,
    "tty": _one(*_FLAGS), "ulimits": _ULIMITS, "user": _one("1:1", "root", "5"),
    "volumes": _VOLUMES, "volumes_from": _several(["db", "db:ro", "container:x"]),
    "working_dir": _WORD, "x-own": st.one_of(_PAIRS, _SCALAR),
}  # fmt: skip
_TOP: dict[str, Any] = {
    "networks": {"n": {}, "m": {"driver": "bridge", "labels": ["a=1"]}},
    "volumes": {"v": None, "w": {"driver_opts": {"a": 1}}},
    "secrets": {"s": {"file": "./s"}},
    "configs": {"c": {"content": "x ${A}"}},
}


@dataclass(slots=True)
class Drawn:
    """A project: its files, the arguments before ``config``, the environment."""

    files: dict[str, str] = field(default_factory=dict)
    args: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


def _service(draw: Draw, image: bool) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(sorted(PROPERTIES)), max_size=5, unique=True))
    body = {"image": "busybox"} if image else {}
    return body | {key: draw(PROPERTIES[key]) for key in keys}


def _services(draw: Draw, image: bool) -> dict[str, Any]:
    names = _NAMES if image else draw(st.lists(st.sampled_from(_NAMES), unique=True, min_size=1))
    return {name: _service(draw, image) for name in names}


@st.composite
def projects(draw: Draw) -> Drawn:
    """One to three files, some with ``extends`` or ``include``."""
    drawn = Drawn()
    main = {"services": _services(draw, True), **json.loads(json.dumps(_TOP))}
    if draw(st.booleans()):
        base = {"services": {"base": _service(draw, True)}}
        drawn.files["sub/base.yaml"] = json.dumps(base)
        reference: Any = {"file": "sub/base.yaml", "service": "base"}
        if draw(st.booleans()):
            reference = draw(_one("db", {"service": "db"}))
        main["services"]["web"]["extends"] = reference
    if draw(st.integers(0, 3)) == 0:
        main["include"] = [draw(_one("inc/more.yaml", {"path": "inc/more.yaml"}))]
        drawn.files["inc/more.yaml"] = json.dumps({"services": {"more": _service(draw, True)}})
        drawn.files["inc/.env"] = "A=included\nU=u\n"
    drawn.files["one.yaml"] = json.dumps(main)
    drawn.args = ["-f", "one.yaml"]
    for name in ("two.yaml", "three.yaml")[: draw(st.integers(0, 2))]:
        drawn.files[name] = json.dumps({"services": _services(draw, False)})
        drawn.args += ["-f", name]
    if draw(st.booleans()):
        drawn.args += ["--profile", draw(_one("p", "q", "*"))]
    drawn.files |= {"one.env": 'E=1\nF="$A x"\n', "two.env": "E=2\nG='g'\n", ".env": "A=dot\nB=\n"}
    for name in ("sub", "inc"):
        drawn.files |= {f"{name}/one.env": "E=3\n", f"{name}/two.env": "E=4\n"}
    if draw(st.booleans()):
        drawn.environment["A"] = draw(_one("shell", "", "a $$ b"))
    return drawn
