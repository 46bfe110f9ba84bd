"""What a project uses, and what an engine makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.projects import edited, network, project, service
from tabib.decide.fidelity import Use, check, used, warnings
from tabib.engines.fidelity import DOCKER, KUBERNETES, SWARM, of
from tabib.model.container import EngineInfo
from tabib.model.errors import ConfigError
from tabib.model.fidelity import ApiVersion, Fidelity, Level, Support
from tabib.model.project import FileObject, Project

NEWEST = (1, 99)


def uses(whole: Project, api: ApiVersion | None = None) -> dict[str, Use]:
    known = used(whole, whole.services.values(), replace(DOCKER, api=api))
    assert len({use.property for use in known}) == len(known)
    return {use.property: use for use in known}


def of_service(api: ApiVersion | None = None, **spec: object) -> dict[str, Use]:
    return uses(edited(project(service("web")), "web", **spec), api)


def test_what_is_used_is_named_with_its_users() -> None:
    whole = project(service("web", init=True), service("db", init=True, networks=("back",)))
    found = uses(whole)
    assert found["services.init"].users == ("service db", "service web")
    assert found["networks.name"].users == ("network back", "network default")
    assert "services.read_only" not in found


def test_what_says_nothing_is_not_in_use() -> None:
    found = of_service(command=None, labels={}, dns=[], scale=0, **{"x-mine": 1})
    assert {"services.scale"} == {
        path for path in found if path.startswith("services.") and "network" not in path
    } - {"services.image"}


@pytest.mark.parametrize(
    ("spec", "path", "level"),
    [
        ({"annotations": {"a": "b"}}, "services.annotations", Level.DEGRADED),
        (
            {"healthcheck": {"test": ["CMD", "x"], "start_interval": "1s"}},
            "services.healthcheck.start_interval",
            Level.DEGRADED,
        ),
        (
            {"networks": {"default": {"gw_priority": 3}}},
            "services.networks.gw_priority",
            Level.DEGRADED,
        ),
        (
            {"volumes": [{"type": "volume", "target": "/a", "volume": {"subpath": "x"}}]},
            "services.volumes.volume.subpath",
            Level.REFUSED,
        ),
        (
            {"volumes": [{"type": "image", "source": "x", "target": "/a"}]},
            "services.volumes.type=image",
            Level.REFUSED,
        ),
        (
            {
                "volumes": [
                    {
                        "type": "bind",
                        "source": "/x",
                        "target": "/a",
                        "bind": {"recursive": "readonly"},
                    }
                ]
            },
            "services.volumes.bind.recursive=readonly",
            Level.REFUSED,
        ),
    ],
)
def test_newer_engines_honour_more(spec: dict[str, object], path: str, level: Level) -> None:
    assert of_service((1, 41), **spec)[path].support.level is level
    assert of_service(None, **spec)[path].support.level is level, "an unknown engine may be old"
    assert of_service(NEWEST, **spec)[path].support.level is Level.HONOURED


def test_a_value_that_is_like_any_other_has_no_answer_of_its_own() -> None:
    found = of_service(volumes=[{"type": "bind", "source": "/x", "target": "/a"}])
    assert found["services.volumes.type"].support.level is Level.HONOURED


def test_names_that_users_give_are_no_properties() -> None:
    whole = project(service("web", networks=("gw_priority",)))
    assert "services.networks.gw_priority" not in uses(whole)


def test_owner_and_mode_are_honoured_where_tabib_puts_the_content_in() -> None:
    reference = {"source": "s", "mode": "0400", "uid": "7"}
    whole = project(service("web", secrets=[reference]))
    told = FileObject(key="s", name="s", content="x", spec={"name": "s", "environment": "X"})
    filed = FileObject(key="s", name="s", file="/x", spec={"name": "s", "file": "/x"})
    for secret, level in ((told, Level.HONOURED), (filed, Level.DEGRADED)):
        found = uses(replace(whole, secrets={"s": secret}))
        assert found["services.secrets.mode"].support.level is level
        assert found["services.secrets.uid"].support.level is level


def test_warnings_name_what_has_no_effect_once() -> None:
    placement = {"deploy": {"placement": {"constraints": ["node.role==manager"]}}}
    whole = project(service("a", **placement), service("b", **placement))
    assert warnings(uses(whole).values()) == [
        "service a, service b: deploy.placement: no effect: there is one machine"
    ]


def test_everything_that_is_refused_is_refused_at_once() -> None:
    whole = project(service("a", provider={"type": "x"}), service("b", secrets=[{"source": "s"}]))
    secret = FileObject(key="s", name="s", external=True, spec={"name": "s", "external": True})
    found = uses(replace(whole, secrets={"s": secret}))
    with pytest.raises(ConfigError) as caught:
        check(found.values(), "Docker Engine")
    assert caught.value.details["refused"] == ["secrets.external", "services.provider"]
    assert "secret s" in caught.value.happened
    assert "service a" in caught.value.happened


def test_what_nobody_uses_is_not_refused() -> None:
    whole = project(service("a"))
    secret = FileObject(key="s", name="s", external=True, spec={"external": True})
    check(uses(replace(whole, secrets={"s": secret})).values(), "Docker Engine")


def test_networks_are_looked_at_too() -> None:
    whole = project(service("a"), networks={"default": network("default", enable_ipv4=True)})
    assert uses(whole)["networks.enable_ipv4"].support.level is Level.DEGRADED
    assert uses(whole, NEWEST)["networks.enable_ipv4"].support.level is Level.HONOURED


def test_an_engine_that_is_not_there_yet_honours_nothing() -> None:
    whole = edited(project(service("a")), "a", init=True)
    for engine in (SWARM, KUBERNETES):
        found = used(whole, whole.services.values(), engine)
        assert {use.support.level for use in found} == {Level.NOT_YET}


def test_a_connected_engine_answers_for_its_version() -> None:
    info = EngineInfo(id="x", kind="docker", version="20.10", api_version="1.41", endpoint="")
    assert of(info).api == (1, 41)
    assert of(replace(info, kind="memory")).support("services.provider").level is Level.HONOURED


def test_the_most_particular_answer_holds() -> None:
    no, half = Support(level=Level.REFUSED), Support(level=Level.DEGRADED)
    engine = Fidelity(engine="e", title="E", supports={"a": half, "a.b": no, "a.b=x": half})
    assert engine.support("a.b.c") == no
    assert engine.support("a.b", "x") == half
    assert engine.support("a.c", "x") == half
    assert engine.support("b") == Support()


def test_content_cannot_be_put_into_what_is_read_only() -> None:
    reference = [{"source": "s"}]
    whole = project(
        service("web", read_only=True, configs=reference), service("w", configs=reference)
    )
    told = FileObject(key="s", name="s", content="x", spec={"content": "x"})
    filed = FileObject(key="s", name="s", file="/x", spec={"file": "/x"})
    for config, refused in ((told, ["service web"]), (filed, [])):
        found = used(replace(whole, configs={"s": config}), whole.services.values(), DOCKER)
        users = [u for use in found if use.support.level is Level.REFUSED for u in use.users]
        assert users == refused


def test_several_addresses_need_a_newer_engine() -> None:
    address = {"mac_address": "02:42:ac:11:65:43"}
    for networks, level in (
        ({"a": address, "b": address}, Level.REFUSED),
        ({"a": address, "b": None}, Level.HONOURED),
    ):
        whole = edited(project(service("web", networks=("a", "b"))), "web", networks=networks)
        for api, expected in (((1, 43), level), (NEWEST, Level.HONOURED)):
            engine = replace(DOCKER, api=api)
            found = used(whole, whole.services.values(), engine)
            levels = [u.support.level for u in found if u.property.endswith(".mac_address")]
            assert max(levels, key=lambda one: one == Level.REFUSED) == expected
