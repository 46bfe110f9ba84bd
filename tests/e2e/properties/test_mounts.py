"""Volumes, binds, memory, secrets and configs, as they are seen inside."""

from __future__ import annotations

import pytest

from e2e.properties.conftest import Properties


def test_volumes_and_binds(project: Properties) -> None:
    said = project.ask(
        "mounts",
        data="echo kept > /data/a && cat /read/a", read="touch /read/b", bound="cat /bound/file",
        inside="echo inside > /bound/new && echo ok", bound_ro="touch /bound-ro/x",
        made="ls -d /made", anonymous="touch /anonymous/x && echo ok", private="cat /private/file",
        flat="cat /flat/file", private_flags="grep ' /private ' /proc/self/mountinfo",
        nocopy="ls -A /var", copied="ls /etc/passwd",
        tmpfs="stat -c %a /tm; df -k /tm | tail -1", ram="stat -c %a /ram; df -k /ram | tail -1",
        outer="touch /outer/x && echo ok",
    )  # fmt: skip
    assert said["data"] == "kept"
    assert "Read-only" in said["read"]
    assert said["bound"] == said["private"] == said["flat"] == "here"
    assert said["inside"] == said["anonymous"] == said["outer"] == "ok"
    assert (project.folder / "bound" / "new").read_text() == "inside\n"
    assert "Read-only" in said["bound_ro"]
    assert said["made"] == "/made"
    assert (project.folder / "made-by-engine").is_dir()
    assert "shared:" not in said["private_flags"]
    assert said["nocopy"] == "", "the image's content is not copied"
    assert said["copied"] == "/etc/passwd", "here it is"
    assert said["tmpfs"].split()[0] == "711"
    assert said["tmpfs"].splitlines()[1].split()[1] == str(2 << 10)
    assert said["ram"].split()[0] == "750"
    assert said["ram"].splitlines()[1].split()[1] == str(3 << 10)


def test_volumes_themselves(project: Properties) -> None:
    call = project.tabib.engine.call
    assert call("GET", f"/volumes/{project.name}_data")["Labels"]["k"] == "v"
    assert call("GET", f"/volumes/{project.name}_ram")["Options"]["type"] == "tmpfs"
    names = {one["Destination"]: one.get("Name") for one in project.inspect("mounts", "Mounts")}
    assert names["/var"] == f"{project.name}_fresh_named"
    assert names["/outer"] == f"{project.name}_outer"
    assert len(names["/anonymous"]) == 64


def test_secrets_and_configs(project: Properties) -> None:
    look = "stat -c '%a %u %g'"
    said = project.ask(
        "mounts",
        filed="cat /run/secrets/filed; touch /run/secrets/filed", told="cat /run/secrets/told",
        told_is=f"{look} /run/secrets/told", elsewhere="cat /elsewhere/told",
        elsewhere_is=f"{look} /elsewhere/told", written="cat /conf/written",
        written_is=f"{look} /conf/written", config="cat /filed_config",
        told_config="cat /conf/told", env="env | grep -c top-secret",
    )  # fmt: skip
    assert said["filed"].startswith("from a file\n")
    assert "Read-only" in said["filed"]
    assert (said["told"], said["told_is"]) == ("top-secret", "400 33 34")
    assert (said["elsewhere"], said["elsewhere_is"]) == ("top-secret", "444 0 0")
    assert (said["written"], said["written_is"]) == (f"written for {project.name}", "640 7 0")
    assert said["config"] == "configured"
    assert said["told_config"] == "top-secret"
    assert said["env"] == "0"


def test_volumes_from_other_containers(project: Properties) -> None:
    said = project.ask(
        "peer", kept="touch /kept/x", anonymous="touch /with-said/x", words="touch /with-words/x"
    )
    assert "Read-only" in said["kept"]
    assert "Read-only" in said["anonymous"]
    assert said["words"] == ""


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("image: busybox:1.36\n    provider: {type: x}", ["provider"]),
        ("image: busybox:1.36\n    secrets: [far]", ["external", "secret far"]),
        ("image: busybox:1.36\n    configs: [held]\n    read_only: true", ["read_only"]),
        (
            "image: busybox:1.36\n    volumes: [{type: cluster, source: v, target: /v}]",
            ["cluster volumes"],
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_before_anything_is_done(
    project: Properties, service: str, expected: list[str]
) -> None:
    tabib = project.tabib
    text = f"services:\n  web:\n    {service}\n"
    text += "secrets: {far: {external: true}}\nconfigs: {held: {content: x}}\nvolumes: {v: }\n"
    folder = tabib.project(tabib.state.parent / "refused", text, name="r")
    tabib("up", cwd=folder).ended(4, *expected)
    assert tabib.containers(f"{tabib.prefix}r") == {}
    tabib("config", "--fidelity", cwd=folder).ended(0, "refused", *expected[:1])
