"""The rules of checkups: what each sees, and that none sees anything in what is set up well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from support.patients_at_rest import (
    NOW,
    bind,
    codes,
    found_in,
    inspection,
    label,
    observed,
    published,
    volume,
)
from tabib.decide.checkup import BY_CODE, RULES, check_codes, examine, kept
from tabib.decide.diagnose import BY_CODE as DIAGNOSED
from tabib.model.checkup import Certificate, Room, TagNow
from tabib.model.container import ImageState, VolumeState
from tabib.model.errors import UsageError

GIB = 1024**3
SOCKET = bind("/var/run/docker.sock", "/var/run/docker.sock")
LOG = {"Type": "json-file", "Config": {}}


def test_a_service_that_is_set_up_well_has_no_finding() -> None:
    others = [
        inspection("shop-api-1", HostConfig__LogConfig={"Type": "local", "Config": {}}),
        inspection("shop-api-2", NetworkSettings__Ports=published(8000, 8000)),
        inspection("shop-files-1", Mounts=[bind("/etc/localtime", "/etc/localtime"),
                                           volume("cache", "/cache")]),
        inspection("shop-db-1", NetworkSettings__Ports=published(5432, 5432, "127.0.0.1")),
    ]  # fmt: skip
    assert found_in(inspection(), *others) == {}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"Config__Healthcheck": None}, {"health.no-check": "warning"}),
        ({"Config__Healthcheck": {"Test": ["NONE"]}}, {"health.no-check": "warning"}),
        ({"HostConfig__Memory": 0}, {"memory.no-limit": "warning"}),
        ({"HostConfig__PidsLimit": None}, {"process.no-limit": "info"}),
        ({"HostConfig__PidsLimit": -1}, {"process.no-limit": "info"}),
        ({"State__Status": "paused"}, {"process.paused": "warning"}),
        ({"Config__Image": "web"}, {"security.latest-tag": "warning"}),
        ({"Config__Image": "localhost:5000/web"}, {"security.latest-tag": "warning"}),
        ({"Config__Image": "web:latest"}, {"security.latest-tag": "warning"}),
        ({"Config__Image": "web:latest@sha256:" + "a" * 64}, {}),
        ({"Config__Image": "sha256:" + "a" * 64}, {}),
        ({"Config__User": ""}, {"security.root": "info"}),
        ({"Config__User": "0:0"}, {"security.root": "info"}),
        ({"HostConfig__Privileged": True}, {"security.privileged": "error"}),
        ({"HostConfig__CapAdd": ["CAP_SYS_ADMIN"]}, {"security.capabilities": "error"}),
        ({"HostConfig__CapAdd": ["net_admin"]}, {"security.capabilities": "warning"}),
        ({"HostConfig__CapAdd": ["NET_BIND_SERVICE", "CHOWN"]}, {}),
        ({"HostConfig__Privileged": True, "HostConfig__CapAdd": ["ALL"]},
         {"security.privileged": "error"}),
        ({"HostConfig__NetworkMode": "host"}, {"security.host-namespace": "warning"}),
        ({"HostConfig__PidMode": "host"}, {"security.host-namespace": "warning"}),
        ({"HostConfig__IpcMode": "host"}, {"security.host-namespace": "warning"}),
        ({"Mounts": [SOCKET]}, {"security.socket-mounted": "error"}),
        ({"Mounts": [bind("/run/docker.sock", "/d.sock", writable=False)]},
         {"security.socket-mounted": "error"}),
        ({"Mounts": [bind("/", "/host", writable=False)]}, {"security.sensitive-mount": "warning"}),
        ({"Mounts": [bind("/etc/", "/e")]}, {"security.sensitive-mount": "error"}),
        ({"Mounts": [bind("/var/run", "/r")]}, {"security.sensitive-mount": "error"}),
        ({"Mounts": [bind("/proc", "/host/proc", writable=False)]}, {}),
        ({"Mounts": [bind("/srv/etc", "/etc")]}, {}),
        ({"HostConfig__LogConfig": LOG}, {"storage.log-unbounded": "warning"}),
        ({"HostConfig__LogConfig": {"Type": "json-file", "Config": {"max-file": "3"}}},
         {"storage.log-unbounded": "warning"}),
        ({"HostConfig__LogConfig": {"Type": "journald", "Config": {}}}, {}),
        ({"HostConfig__RestartPolicy": {"Name": "no"}}, {"restart.no-policy": "warning"}),
        ({"HostConfig__RestartPolicy": {"Name": ""}}, {"restart.no-policy": "warning"}),
        ({"RestartCount": 7}, {"restart.frequent": "info"}),
        ({"RestartCount": 3, "State__StartedAt": (NOW - timedelta(hours=2)).isoformat()},
         {"restart.frequent": "warning"}),
        ({"RestartCount": 2}, {}),
        ({"Config__Env": ["DB_PASSWORD=hunter22"]}, {"security.secret-in-env": "warning"}),
        ({"Config__Env": ["DB=postgres://u:hunter22@db/x"]}, {"security.secret-in-env": "warning"}),
        ({"Config__Env": ["DB_PASSWORD_FILE=/run/secrets/db", "DB_PASSWORD=", "USE_TOKEN=true",
                          "GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568"]}, {}),
        ({"NetworkSettings__Ports": published(5432, 5432)},
         {"security.database-exposed": "warning"}),
        ({"NetworkSettings__Ports": published(6379, 7000, "::")},
         {"security.database-exposed": "error"}),
        ({"NetworkSettings__Ports": published(6379, 7000, "192.168.1.5")}, {}),
        ({"Mounts": [volume("d", "/var/lib/mysql")]}, {"backup.none": "warning"}),
        ({"Mounts": [volume("d", "/var/lib/mysql", writable=False)]}, {}),
        ({"Mounts": [bind("/srv/pg", "/var/lib/postgresql/data")]}, {"backup.none": "warning"}),
        ({"Mounts": [volume("d", "/data")]}, {}),
        ({"Config__Image": "redis:7", "Mounts": [volume("d", "/data")]},
         {"backup.none": "warning"}),
        ({"State__Status": "dead", "State__Running": False}, {"engine.dead-container": "error"}),
    ],
)  # fmt: skip
def test_each_fault_is_found_and_nothing_else(
    changes: dict[str, Any], found: dict[str, str]
) -> None:
    assert found_in(inspection(**changes)) == found


def test_what_does_not_run_is_not_judged_by_its_configuration() -> None:
    ended = inspection(
        State__Status="exited", State__Running=False, HostConfig__Memory=0, Config__Healthcheck=None
    )
    oneoff = label(inspection(HostConfig__Memory=0), "com.docker.compose.oneoff", "True")
    assert found_in(ended, oneoff) == {}


def test_jobs_need_neither_policy_nor_health_check() -> None:
    bare = {"HostConfig__RestartPolicy": {"Name": "no"}, "Config__Healthcheck": None}
    awaited = inspection("shop-migrate-1", **bare)
    waiting = label(
        inspection(), "com.docker.compose.depends_on",
        "migrate:service_completed_successfully:false",
    )  # fmt: skip
    assert found_in(awaited, waiting) == {}
    assert found_in(label(inspection(**bare), "tabib.job", "true")) == {}
    assert set(found_in(awaited)) == {"restart.no-policy", "health.no-check"}


def test_care_stands_for_a_restart_policy() -> None:
    observation = observed([inspection(HostConfig__RestartPolicy={"Name": "no"})])
    (one,) = observation.containers
    cared = replace(observation, containers=(replace(one, in_care=True),))
    assert codes(examine(observation)) == {"restart.no-policy": "warning"}
    assert codes(examine(cared)) == {}


def test_the_kernel_knows_better_than_the_image_who_a_process_is() -> None:
    observation = observed([inspection(Config__User=""), inspection("shop-api-1")])
    api, web = sorted(observation.containers, key=lambda one: one.name)
    looked = replace(observation, containers=(replace(web, uid=999), replace(api, uid=0)))
    assert [(one.target, one.code) for one in examine(looked)] == [("shop/api", "security.root")]


def test_replicas_make_one_finding_with_the_graver_words() -> None:
    one, two = (inspection(f"shop-web-{n}", HostConfig__LogConfig=LOG) for n in (1, 2))
    observation = observed([one, two])
    first, second = observation.containers
    large = replace(observation, containers=(first, replace(second, log_bytes=3 * GIB)))
    (found,) = examine(large)
    assert (found.target, found.severity) == ("shop/web", "error")
    assert found.containers == ("shop-web-1", "shop-web-2")
    assert "3.0 GiB" in found.summary
    assert found.advice
    assert found.file == "/srv/shop/compose.yaml"


def test_how_it_is_known_that_a_volume_keeps_data() -> None:
    mounted = inspection(Mounts=[volume("shop_data", "/srv/things")])
    for names, words in ((("PG_VERSION", "base"), "PostgreSQL"), (("app.sqlite3",), "SQLite")):
        (found,) = examine(observed([mounted], volume_files={"shop_data": names}))
        assert found.code == "backup.none"
        assert words in found.evidence[0].text
        assert "shop_data" in found.summary
    assert found_in(mounted, volume_files={"shop_data": ("index.html",)}) == {}


def test_a_volume_that_nobody_named() -> None:
    nameless = "a" * 64
    cache = inspection(Config__Image="redis:7", Mounts=[volume(nameless, "/data")])
    assert found_in(cache) == {}
    db = inspection(Config__Image="mysql:8", Mounts=[volume(nameless, "/var/lib/mysql")])
    (found,) = examine(observed([db]))
    assert "volume at /var/lib/mysql, which has no name" in found.summary


def test_a_backup_container_on_the_same_volume_is_a_backup() -> None:
    db = inspection("shop-db-1", Config__Image="postgres:16",
                    Mounts=[volume("data", "/var/lib/postgresql/data")])  # fmt: skip
    saver = inspection("shop-save-1", Config__Image="offen/docker-volume-backup:v2",
                       Mounts=[volume("data", "/backup/data", writable=False)])  # fmt: skip
    assert found_in(db) == {"backup.none": "warning"}
    assert found_in(db, saver) == {}


def test_two_that_write_to_one_volume() -> None:
    one = inspection("shop-a-1", Mounts=[volume("media", "/m")])
    two = inspection("shop-b-1", Mounts=[volume("media", "/m")])
    reader = inspection("shop-c-1", Mounts=[volume("media", "/m", writable=False)])
    assert found_in(one, reader) == {}
    assert found_in(one, two, reader) == {"storage.volume-shared": "info"}
    files = {"volume_files": {"media": ("WiredTiger",)}}
    assert found_in(one, two, **files)["storage.volume-shared"] == "error"


def test_two_that_want_one_port() -> None:
    holder = inspection("shop-a-1", NetworkSettings__Ports=published(80, 8080))
    wanting = {"State__Status": "exited", "State__Running": False}
    other = inspection("blog-b-1", HostConfig__PortBindings=published(80, 8080, ""), **wanting)
    elsewhere = inspection(
        "blog-c-1", HostConfig__PortBindings=published(80, 8080, "127.0.0.1"), **wanting
    )
    (found,) = examine(observed([holder, other]))
    assert (found.code, found.target) == ("network.port-clash", "blog/b")
    assert "shop-a-1" in found.summary
    bound = inspection("shop-a-1", NetworkSettings__Ports=published(80, 8080, "10.0.0.1"))
    assert found_in(bound, elsewhere) == {}
    # Only one that is down is in the way of nobody: a left-over is worth knowing.
    assert found_in(other, elsewhere) == {"network.port-clash": "info"}


def shown(days: float, lifetime: float) -> Certificate:
    end = NOW + timedelta(days=days)
    return Certificate(
        container_id=inspection()["Id"], host="127.0.0.1", port=8443, subject="shop.example.com",
        not_before=end - timedelta(days=lifetime), not_after=end,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("days", "lifetime", "found"),
    [
        (80, 90, {}),
        (22, 90, {}),
        (20, 90, {"tls.expiring": "warning"}),
        (6, 90, {"tls.expiring": "error"}),
        (-1, 90, {"tls.expired": "error"}),
        (3, 6, {}),  # of six days half are left: as it is meant
        (1, 6, {"tls.expiring": "warning"}),
        (0.3, 6, {"tls.expiring": "error"}),
        (20, 3650, {"tls.expiring": "warning"}),
    ],
)
def test_certificates(days: float, lifetime: float, found: dict[str, str]) -> None:
    assert found_in(inspection(), certificates=(shown(days, lifetime),)) == found


def test_an_image_that_its_tag_left_behind() -> None:
    reference = "registry.example.com/web:1.4"
    image = ImageState(id="sha256:" + "1" * 64, digests=("registry.example.com/web@sha256:old",))
    newer, same = TagNow(digest="sha256:new"), TagNow(digest="sha256:old")
    assert found_in(inspection(), images=(image,), tags={reference: newer}) == {
        "image.outdated": "warning"
    }
    assert found_in(inspection(), images=(image,), tags={reference: same}) == {}
    assert found_in(inspection(), images=(image,), tags={reference: TagNow(why="no route")}) == {}
    built = replace(image, digests=())
    assert found_in(inspection(), images=(built,), tags={reference: newer}) == {}


@pytest.mark.parametrize(
    ("room", "found"),
    [
        (Room(path="/d", size_bytes=100 * GIB, free_bytes=50 * GIB), {}),
        (Room(path="/d", size_bytes=100 * GIB, free_bytes=9 * GIB), "warning"),
        (Room(path="/d", size_bytes=100 * GIB, free_bytes=4 * GIB), "error"),
        (Room(path="/d", size_bytes=100 * GIB, free_bytes=GIB), "critical"),
        (Room(path="/d", size_bytes=4000 * GIB, free_bytes=100 * GIB), {}),
    ],
)
def test_the_engines_disk(room: Room, found: Any) -> None:
    wanted = {"storage.engine-root-full": found} if found else {}
    assert found_in(inspection(), room=room) == wanted


def test_the_machine() -> None:
    room = Room(path="/d", size_bytes=100, free_bytes=90, inodes=1000, inodes_free=40)
    assert found_in(room=replace(room, size_bytes=0)) == {"storage.inodes-full": "error"}
    assert found_in(clock_offset_s=-8.0) == {"clock.skew": "warning"}
    assert found_in(clock_offset_s=300.0) == {"clock.skew": "error"}
    assert found_in(event_gaps=2) == {"engine.events-missed": "info"}
    assert found_in(clock_offset_s=2.0) == {}
    assert found_in(inspection(), inspection("shop-b-1"), memory_bytes=400 << 20) == {
        "memory.overcommitted": "warning"
    }
    assert found_in(build_cache_bytes=3 * GIB) == {"storage.reclaimable": "info"}
    left = ImageState(id="x", size_bytes=2 * GIB)
    assert found_in(images=(left,)) == {"storage.reclaimable": "info"}
    assert found_in(images=(replace(left, tags=("a:1",)),)) == {}
    volumes = (VolumeState(name="tabib_owner"), VolumeState(name="left"))
    (found,) = examine(observed([], volumes=volumes, volume_bytes={"left": 3 * GIB}))
    assert (found.target, found.code) == ("node", "storage.unused-volumes")
    assert "1 volume belongs" in found.summary
    assert "3.0 GiB" in found.summary


def test_what_the_recorder_has() -> None:
    observation = observed([inspection()])
    (one,) = observation.containers
    near = replace(one, memory_peak_bytes=250 << 20, throttled_share=0.8)
    assert codes(examine(replace(observation, containers=(near,)))) == {
        "memory.near-limit": "warning",
        "cpu.throttled": "warning",
    }
    killed = replace(observation, containers=(replace(one, oom_kills=2),))
    assert codes(examine(killed)) == {"memory.child-oom": "warning"}
    far = replace(one, memory_peak_bytes=100 << 20, throttled_share=0.1, oom_kills=0)
    assert examine(replace(observation, containers=(far,))) == ()


def test_each_code_has_one_rule_and_shared_ones_one_text() -> None:
    assert len(BY_CODE) == len(RULES)
    for code in BY_CODE.keys() & DIAGNOSED.keys():
        assert BY_CODE[code].advice == DIAGNOSED[code].advice
        assert BY_CODE[code].explain == DIAGNOSED[code].explain
    for rule in RULES:
        assert rule.explain.endswith(".")
        assert rule.advice.endswith(".")


def test_labels_and_options_leave_findings_out() -> None:
    bare = {"HostConfig__Memory": 0, "HostConfig__PidsLimit": 0, "Config__User": ""}
    one = label(inspection(**bare), "tabib.checkup.ignore", "memory.no-limit, process.*")
    other = inspection("shop-api-1", **bare)
    observation = observed([one, other])
    left, gone = kept(examine(observation), observation.containers, ["security.root"])
    assert [(each.target, each.code) for each in left] == [
        ("shop/api", "memory.no-limit"),
        ("shop/api", "process.no-limit"),
    ]
    assert gone == 4


def test_what_one_replica_ignores_the_other_still_has() -> None:
    one = label(inspection(HostConfig__Memory=0), "tabib.checkup.ignore", "memory.no-limit")
    other = inspection("shop-web-2", HostConfig__Memory=0)
    observation = observed([one, other])
    left, gone = kept(examine(observation), observation.containers, [])
    assert ([each.code for each in left], gone) == (["memory.no-limit"], 0)


def test_codes_that_do_not_exist_get_a_suggestion() -> None:
    check_codes(["memory.no-limit", "security.*", "exit.killed"])
    with pytest.raises(UsageError) as error:
        check_codes(["memory.nolimit"])
    assert "Did you mean memory.no-limit?" in str(error.value)
