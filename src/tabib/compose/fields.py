"""Stage 8, fields: which keys each part of a project has, in the order in which Compose prints
and hashes them. Source: compose-go 2.9.1 ``types`` (Docker Compose 2.40.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from tabib.compose import decode as d
from tabib.compose.tree import Path

Emit = Literal["filled", "given", "always"]


Note = Callable[..., Any]
"""Takes the path of what does not fit, what is wrong with it and the value at fault, or the path
of a struct and its ``x-*`` keys; returns what stands in for the value."""


class Field(NamedTuple):
    """``filled``: printed unless empty; ``given``: printed where it is written; ``always``."""

    key: str
    decode: Any
    emit: Emit = "filled"
    silent: bool = False
    """Nothing is printed where nothing is written: most keys of most services."""


Struct = Sequence[Field]


def _fields(table: str, **special: Any) -> list[Field]:
    """``key:kind[!|*]`` words; ``!`` is ``given``, ``*`` is ``always``."""
    fields = []
    for word in table.split():
        key, _, kind = word.partition(":")
        emit: Emit = "given" if kind.endswith("!") else "always" if kind.endswith("*") else "filled"
        kind = kind.rstrip("!*")
        decode = special[kind] if kind in special else KINDS[kind]
        # of a struct whose value is not there, something may be printed always
        silent = emit == "given" or (emit == "filled" and not isinstance(decode, list))
        fields.append(Field(key, decode, emit, silent))
    return fields


class Many(NamedTuple):
    """A list (or, with ``keyed``, a mapping whose values may be null) of structs."""

    struct: Struct
    keyed: bool = False
    nullable: bool = False


KINDS: dict[str, Any] = {
    "text": d.text, "texts": d.texts, "bool": d.boolean, "int": d.integer(),
    "uint": d.integer(0, (1 << 64) - 1), "uint32": d.integer(0, (1 << 32) - 1),
    "uint16": d.weight, "number": d.number, "size": d.size,
    "duration": d.duration, "delay": d.duration_or_nothing, "mapping": d.mapping,
    "environment": d.environment, "options": d.options, "multi": d.multi_options,
    "stringmap": d.map_of(d.text), "command": d.command, "test": d.health_test,
    "hosts": d.hosts, "list": d.text_list, "printed": d.printed_list, "mode": d.file_mode,
    "count": d.device_count, "ulimits": d.ulimits, "ssh": d.ssh_keys,
}  # fmt: skip

REFERENCE = _fields("source:text target:text uid:text gid:text mode:mode!")
HOOK = _fields(
    "command:command* user:text privileged:bool working_dir:text environment:environment"
)
TRIGGER = _fields(
    "path:text* action:text* target:text exec:hook* include:texts ignore:texts initial_sync:bool",
    hook=HOOK,
)
BUILD = _fields(
    """context:text dockerfile:text dockerfile_inline:text entitlements:texts args:environment
    provenance:text sbom:text ssh:ssh labels:mapping cache_from:list cache_to:list no_cache:bool
    additional_contexts:mapping pull:bool extra_hosts:hosts isolation:text network:text target:text
    secrets:references shm_size:size tags:list ulimits:ulimits platforms:list privileged:bool""",
    references=Many(REFERENCE),
)
_WEIGHT = [Field("Path", d.text, "always"), Field("Weight", d.weight, "always")]
_RATE = [Field("Path", d.text, "always"), Field("Rate", d.rate, "always")]
BLKIO = _fields(
    """weight:uint16 weight_device:weights device_read_bps:rates device_read_iops:rates
    device_write_bps:rates device_write_iops:rates""",
    weights=Many(_WEIGHT),
    rates=Many(_RATE),
)
DEVICE_REQUEST = _fields(
    "capabilities:texts driver:text count:count device_ids:texts options:mapping"
)
_DISCRETE = _fields("kind:text* value:int*")
_GENERIC = _fields("discrete_resource_spec:discrete!", discrete=_DISCRETE)
RESOURCE = _fields(
    "cpus:number memory:size pids:int devices:devices generic_resources:generic",
    devices=Many(DEVICE_REQUEST),
    generic=Many(_GENERIC),
)
_UPDATE = _fields(
    """parallelism:uint! delay:delay failure_action:text monitor:delay max_failure_ratio:number
    order:text"""
)
_RESOURCES = _fields("limits:resource! reservations:resource!", resource=RESOURCE)
_POLICY = _fields("condition:text delay:duration! max_attempts:uint! window:duration!")
_PLACEMENT = _fields(
    "constraints:texts preferences:preferences max_replicas_per_node:uint",
    preferences=Many(_fields("spread:text")),
)
DEPLOY = _fields(
    """mode:text replicas:int! labels:mapping update_config:update! rollback_config:update!
    resources:resources* restart_policy:policy! placement:placement* endpoint_mode:text""",
    update=_UPDATE,
    resources=_RESOURCES,
    policy=_POLICY,
    placement=_PLACEMENT,
)
HEALTHCHECK = _fields(
    """test:test timeout:duration! interval:duration! retries:uint! start_period:duration!
    start_interval:duration! disable:bool"""
)
SERVICE_NETWORK = _fields(
    """aliases:texts driver_opts:options gw_priority:int interface_name:text ipv4_address:text
    ipv6_address:text link_local_ips:texts mac_address:text priority:int"""
)
PORT = _fields(
    "name:text mode:text host_ip:text target:uint32 published:text protocol:text app_protocol:text"
)
_BIND = _fields("selinux:text propagation:text create_host_path:bool recursive:text")
MOUNT = _fields(
    """type:text source:text target:text read_only:bool consistency:text bind:bind! volume:volume!
    tmpfs:tmpfs! image:image!""",
    bind=_BIND,
    volume=_fields("labels:mapping nocopy:bool subpath:text"),
    tmpfs=_fields("size:size mode:uint32"),
    image=_fields("subpath:text"),
)
ENV_FILE = _fields("path:text required:bool* format:text")
SERVICE = _fields(
    """profiles:texts annotations:mapping attach:bool! build:build! develop:develop!
    blkio_config:blkio! cap_add:texts cap_drop:texts cgroup_parent:text cgroup:text cpu_count:int
    cpu_percent:number cpu_period:int cpu_quota:int cpu_rt_period:int cpu_rt_runtime:int
    cpus:number cpuset:text cpu_shares:int command:command* configs:references container_name:text
    credential_spec:credential! depends_on:depends deploy:deploy! device_cgroup_rules:texts
    devices:devices dns:list dns_opt:texts dns_search:list domainname:text entrypoint:command*
    provider:provider! environment:environment env_file:env_files expose:printed
    extends:base! external_links:texts extra_hosts:hosts group_add:texts gpus:gpus hostname:text
    healthcheck:healthcheck! image:text init:bool! ipc:text isolation:text labels:mapping
    label_file:texts links:texts logging:logging! mem_limit:size mem_reservation:size
    memswap_limit:size mem_swappiness:size mac_address:text
    models:models network_mode:text networks:networks oom_kill_disable:bool oom_score_adj:int
    pid:text pids_limit:int platform:text ports:ports privileged:bool pull_policy:text
    read_only:bool restart:text runtime:text scale:int! secrets:references security_opt:texts
    shm_size:size stdin_open:bool stop_grace_period:duration! stop_signal:text
    storage_opt:stringmap sysctls:mapping tmpfs:list tty:bool ulimits:ulimits use_api_socket:bool
    user:text userns_mode:text uts:text volumes:mounts volumes_from:texts working_dir:text
    post_start:hooks pre_stop:hooks""",
    build=BUILD,
    develop=_fields("watch:triggers", triggers=Many(TRIGGER)),
    blkio=BLKIO,
    references=Many(REFERENCE),
    credential=_fields("config:text file:text registry:text"),
    depends=Many(_fields("condition:text restart:bool required:bool*"), keyed=True),
    deploy=DEPLOY,
    devices=Many(_fields("source:text target:text permissions:text")),
    provider=_fields("type:text options:multi"),
    env_files=Many(ENV_FILE),
    base=_fields("file:text service:text"),  # of a service that extends one without content
    gpus=Many(DEVICE_REQUEST),
    healthcheck=HEALTHCHECK,
    logging=_fields("driver:text options:options"),
    models=Many(_fields("endpoint_var:text model_var:text"), keyed=True, nullable=True),
    networks=Many(SERVICE_NETWORK, keyed=True, nullable=True),
    ports=Many(PORT),
    mounts=Many(MOUNT),
    hooks=Many(HOOK),
)
NETWORK = _fields(
    """name:text driver:text driver_opts:options ipam:ipam* external:bool internal:bool
    attachable:bool labels:mapping enable_ipv4:bool! enable_ipv6:bool!""",
    ipam=_fields(
        "driver:text config:pools",
        pools=Many(_fields("subnet:text gateway:text ip_range:text aux_addresses:mapping")),
    ),
)
VOLUME = _fields("name:text driver:text driver_opts:options external:bool labels:mapping")
MODEL = _fields("name:text model:text context_size:int runtime_flags:texts")
FILE_OBJECT = _fields(
    """name:text file:text environment:text content:text external:bool labels:mapping driver:text
    driver_opts:stringmap template_driver:text"""
)


def struct(fields: Struct, value: Any, path: Path, note: Note) -> dict[str, Any]:
    """The JSON object of a struct; what does not fit goes to ``note(path, message)``, and so do
    its ``x-*`` keys, as a mapping."""
    if not isinstance(value, dict):
        if value is not None:
            note(path, "must be a mapping")
        value = {}
    extras = {key: inner for key, inner in value.items() if key.startswith("x-")}
    if extras:
        note(path, extras)
    result: dict[str, Any] = {}
    for key, decode, emit, silent in fields:
        given = value.get(key)
        if given is None:
            if silent:
                continue
            # Compose has two structs with capital keys in its output (blkio), small in the file
            given = value.get(key.lower())
        decoded = _value(decode, given, (*path, key), note)
        if emit != "filled" or decoded not in (None, "", 0, False, [], {}):
            result[key] = decoded
    return result


def _value(decode: Any, value: Any, path: Path, note: Note) -> Any:
    if isinstance(decode, list):
        return struct(decode, value, path, note)
    if value is None and not isinstance(decode, Many):
        return None if decode is d.command else _zero(decode)
    if isinstance(decode, Many):
        return _many(decode, value, path, note)
    try:
        return decode(value)
    except ValueError as error:
        return note(path, str(error), value)


def _zero(decode: Any) -> Any:
    return (
        decode(None)
        if decode in (d.text, d.boolean, d.rate, d.weight)
        else 0
        if decode is KINDS["int"]
        else None
    )


def _many(kind: Many, value: Any, path: Path, note: Note) -> Any:
    if value is None:
        return None
    if kind.keyed:
        if not isinstance(value, dict):
            note(path, "must be a mapping")
            return None
        return {
            key: None
            if value[key] is None and kind.nullable
            else struct(kind.struct, value[key], (*path, key), note)
            for key in sorted(value)
        }
    if not isinstance(value, list):
        note(path, "must be a list")
        return None
    return [
        note((*path, i), "must be a mapping", item)
        if isinstance(item, str)
        else struct(kind.struct, item, (*path, i), note)
        for i, item in enumerate(value)
    ]
