"""Words, limits, rights and namespaces, as the processes inside have them."""

from __future__ import annotations

import socket

from e2e.properties.conftest import Properties


def test_a_second_up_has_nothing_to_do(project: Properties) -> None:
    project.run("up").ended(0, "nothing to do")


def test_words_of_a_process(project: Properties) -> None:
    said = project.ask(
        "words",
        pid1="tr '\\0' '|' < /proc/1/cmdline", cwd="readlink /proc/1/cwd",
        user="id -u; id -g; id -G", hostname="hostname", fqdn="hostname -f",
        tty="test -t 0 || readlink /proc/1/fd/0",
        env="tr '\\0' '\\n' < /proc/1/environ",
    )  # fmt: skip
    assert said["pid1"].startswith("/bin/sh|-c|trap ")
    assert said["cwd"] == "/var/spool"
    assert sorted(said["user"].split()) == ["0", "33", "34", "34", "35"]
    assert (said["hostname"], said["fqdn"]) == ("words", "words.example.test")
    assert said["tty"].startswith("/dev/")
    env = dict(line.split("=", 1) for line in said["env"].splitlines())
    wanted = {"PLAIN": "a b", "EMPTY": "", "OVER": "written", "TAKEN": "from outside"}
    wanted |= {"FROM_FILE": "1", "QUOTED": "a  b"}
    assert {key: env.get(key) for key in wanted} == wanted
    labels = project.config("words", "Labels")
    assert (labels["test.label"], labels["test.from-file"]) == ("x=y", "yes")
    assert project.config("words", "Tty")
    assert project.config("words", "OpenStdin")
    assert project.inspect("words", "Platform") == "linux"
    assert project.ask("said", said="cat /said") == {"said": "two words"}
    assert project.ask("said", pid1="cat /proc/1/comm") == {"pid1": "sleep"}, "no init"
    assert project.ask("flat", pid1="cat /proc/1/comm")["pid1"] != "sleep", "an init"


def test_names_and_addresses_inside(project: Properties) -> None:
    said = project.ask("words", resolv="cat /etc/resolv.conf", hosts="cat /etc/hosts")
    lines = [line.split() for line in said["resolv"].splitlines()]
    assert ["search", "a.test", "b.test"] in lines
    options = next(line[1:] for line in lines if line[:1] == ["options"])
    assert {"ndots:3", "timeout:2"} <= set(options)
    assert project.host("words", "Dns") == ["9.9.9.9", "149.112.112.112"]
    hosts = [line.split() for line in said["hosts"].splitlines()]
    assert ["192.0.2.1", "one.test"] in hosts
    assert ["::1", "six.test"] in hosts
    gate = next(line[0] for line in hosts if line[-1] == "gate.test")
    assert socket.inet_aton(gate)


def test_health_logging_and_restarts(project: Properties) -> None:
    check = project.config("words", "Healthcheck")
    assert check["Test"] == ["CMD-SHELL", "test -d /var/spool"]
    times = [check[key] / 1e9 for key in ("Interval", "Timeout", "StartPeriod")]
    assert times == [1, 2, 3]
    assert check["Retries"] == 4
    assert project.inspect("words", "State", "Health", "Status") == "healthy"
    assert project.config("said", "Healthcheck") == {"Test": ["NONE"]}
    wanted = {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}}
    assert project.host("words", "LogConfig") == wanted
    policies = {
        name: tuple(project.host(name, "RestartPolicy").values())
        for name in ("words", "said", "limits", "flat", "quota")
    }
    assert policies == {
        "words": ("unless-stopped", 0), "said": ("no", 0), "limits": ("on-failure", 4),
        "flat": ("on-failure", 3), "quota": ("always", 0),
    }  # fmt: skip


def test_what_a_newer_engine_would_honour_is_told(project: Properties) -> None:
    told = project.run("up", "--dry-run").well()
    api = tuple(map(int, project.tabib.engine.call("GET", "/version")["ApiVersion"].split(".")))
    for word, since in (("annotations", (1, 43)), ("healthcheck.start_interval", (1, 44))):
        assert (f"words: {word}:" in told.out + told.err) is (api < since)
    if api >= (1, 44):
        assert project.host("words", "Annotations")["test.note"] == "noted"
        assert project.config("words", "Healthcheck")["StartInterval"] == 500_000_000


def test_hooks_run_inside(project: Properties) -> None:
    assert project.ask("said", hooked="cat /hooked; cat /kept/hooked") == {
        "hooked": "after 0 /tmp\n65534"
    }


LIMITS = {
    "limits": {
        "NanoCpus": 500_000_000, "Memory": 64 << 20, "PidsLimit": 50,
        "MemoryReservation": 32 << 20, "CpuShares": 512, "CpusetCpus": "0",
        "MemorySwap": 128 << 20, "OomScoreAdj": 100, "CgroupParent": "/tabib-test",
        "ShmSize": 33 << 20,
    },
    "flat": {
        "NanoCpus": 250_000_000, "Memory": 48 << 20, "MemoryReservation": 16 << 20,
        "PidsLimit": 17,
    },
    "quota": {"CpuQuota": 50_000, "CpuPeriod": 100_000},
}  # fmt: skip


def test_limits_as_asked_for(project: Properties) -> None:
    for service, wanted in LIMITS.items():
        assert {key: project.host(service, key) for key in wanted} == wanted, service
    if project.tabib.engine.call("GET", "/info")["CgroupVersion"] == "1":
        assert project.host("flat", "MemorySwappiness") == 5
        assert project.host("flat", "OomKillDisable") is True


def test_limits_as_the_kernel_has_them(project: Properties) -> None:
    # runc exec before 1.1.13 races for this one with Go's runtime (opencontainers/runc#4195).
    files = (project.ask("limits", it="ulimit -S -n; ulimit -H -n")["it"] for _ in range(5))
    assert any(one.split() == ["1000", "2000"] for one in files)
    said = project.ask(
        "limits", nproc="ulimit -u; ulimit -H -u",
        shm="df -k /dev/shm | tail -1", score="cat /proc/1/oom_score_adj",
        cpus="grep Cpus_allowed_list /proc/1/status", **_cgroup(project),
    )  # fmt: skip
    assert said["nproc"].split() == ["100", "100"]
    assert said["shm"].split()[1] == str(33 << 10)
    assert said["score"] == "100"
    assert said["cpus"].split()[1] == "0"
    assert said["memory"] == str(64 << 20)
    assert said["pids"] == "50"
    flat = project.ask("flat", **_cgroup(project))
    assert (flat["memory"], flat["pids"]) == (str(48 << 20), "17")


def _cgroup(project: Properties) -> dict[str, str]:
    if project.tabib.engine.call("GET", "/info")["CgroupVersion"] == "1":
        files = ("memory/memory.limit_in_bytes", "pids/pids.max")
    else:
        files = ("memory.max", "pids.max")
    return {
        key: f"cat /sys/fs/cgroup/{file}"
        for key, file in zip(("memory", "pids"), files, strict=True)
    }


def test_rights(project: Properties) -> None:
    said = project.ask(
        "rights", caps="grep CapBnd /proc/1/status", new="grep NoNewPrivs /proc/1/status",
        seccomp="grep Seccomp: /proc/1/status", root="touch /here",
        run="touch /run/here && echo ok",
        modes="stat -c %a /run; df -k /run | tail -1; touch /scratch/a && echo ok",
        somaxconn="cat /proc/sys/net/core/somaxconn", mknod="mknod /scratch/n c 1 3",
        nothing="echo x > /dev/nothing && echo ok", zero="head -c 3 /dev/zero | wc -c",
        masked="ls /proc/acpi /proc/timer_list 2>&1 | head -1; mount | grep -c 'proc/sys .*ro,'",
        chown="chown 1 /scratch/a", link="ip link set lo mtu 60000 && echo ok",
    )  # fmt: skip
    bounding = int(said["caps"].split()[1], 16)
    number = {"CHOWN": 0, "NET_ADMIN": 12, "MKNOD": 27, "NET_RAW": 13}
    held = {name for name, bit in number.items() if bounding >> bit & 1}
    assert held == {"NET_ADMIN", "NET_RAW"}
    assert said["new"].split()[1] == "1"
    assert said["seccomp"].split()[1] == "0"
    assert "Read-only file system" in said["root"]
    assert said["run"] == "ok"
    mode, size, scratch = said["modes"].splitlines()
    assert (mode, size.split()[1], scratch) == ("711", "1024", "ok")
    assert said["somaxconn"] == "1024"
    assert "not permitted" in said["mknod"]
    assert "not permitted" in said["chown"]
    assert said["link"] == "ok"
    assert (said["nothing"], said["zero"]) == ("ok", "3")
    assert project.host("rights", "MaskedPaths") == []
    assert project.host("rights", "DeviceCgroupRules") == ["c 10:229 rwm"]
    assert project.host("rights", "IpcMode") == "shareable"
    assert project.host("rights", "Runtime") == "runc"
    assert project.host("rights", "UsernsMode") == "host"
    assert project.host("rights", "CgroupnsMode") == "host"
    refused = project.ask("filtered", mkdir="mkdir /made", seccomp="grep Seccomp: /proc/1/status")
    assert "not permitted" in refused["mkdir"]
    assert refused["seccomp"].split()[1] == "2"


def test_namespaces_that_are_shared(project: Properties) -> None:
    namespaces = ("pid", "uts", "ipc", "net")
    ask = {name: f"stat -L -c %i /proc/self/ns/{name}" for name in namespaces}
    host, network = project.ask("host", name="hostname", **ask), project.ask("network", **ask)
    rights, joined = project.ask("rights", **ask), project.ask("joined", **ask)
    assert host["name"] == project.tabib.engine.call("GET", "/info")["Name"]
    for name in namespaces:
        assert host[name] not in (network[name], rights[name]), name
    assert network["pid"] != rights["pid"]
    assert (joined["pid"], joined["net"]) == (network["pid"], network["net"])
    assert joined["ipc"] == rights["ipc"] != network["ipc"]
    assert project.host("mighty", "Privileged") is True
    socket_file = project.ask("host", socket="test -S /var/run/docker.sock && echo ok")
    assert socket_file == {"socket": "ok"}
    assert project.ask("alone", links="ls /sys/class/net")["links"].split()[0] == "lo"
    assert project.host("alone", "NetworkMode") == "none"
    assert project.inspect("profiled") is None
