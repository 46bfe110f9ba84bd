"""What the Docker Engine, as tabib drives it, makes of each property of a Compose file.

The properties of the schema are listed one by one: a new one is no one's until it is here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tabib.model.fidelity import ApiVersion, Fidelity, Level, Support

_HONOURED = {
    "": "version name include services models networks volumes secrets configs",
    "services": """
        annotations attach build blkio_config cap_add cap_drop cgroup cgroup_parent command configs
        container_name cpu_shares cpu_quota cpu_period cpu_rt_period cpu_rt_runtime cpus cpuset
        depends_on deploy device_cgroup_rules devices dns dns_opt dns_search domainname entrypoint
        env_file label_file environment expose extends external_links extra_hosts gpus group_add
        healthcheck hostname image init ipc isolation labels links logging mac_address mem_limit
        mem_reservation mem_swappiness memswap_limit network_mode networks oom_kill_disable
        oom_score_adj pid pids_limit platform ports post_start pre_stop privileged profiles
        pull_policy read_only restart runtime scale security_opt shm_size secrets sysctls
        stdin_open stop_grace_period stop_signal storage_opt tmpfs tty ulimits use_api_socket user
        uts userns_mode volumes volumes_from working_dir""",
    "services.deploy": "replicas resources restart_policy",
    "networks": """name driver driver_opts ipam external internal enable_ipv4 enable_ipv6 attachable
        labels""",
    "volumes": "name driver driver_opts external labels",
    "secrets": "name environment file",
    "configs": "name content environment file",
}


def _degraded(how: str, since: ApiVersion | None = None) -> Support:
    return Support(level=Level.DEGRADED, how=how, since=since)


def _refused(how: str, since: ApiVersion | None = None) -> Support:
    return Support(level=Level.REFUSED, how=how, since=since)


def _noted(how: str) -> Support:
    return Support(how=how)


_ONE_MACHINE = _degraded("no effect: there is one machine")
_WINDOWS = _degraded("no effect on Linux engines")
_IGNORED_OWNER = _degraded(
    "no effect on one from a `file`, which is mounted as it is; honoured for `content` and"
    " `environment`"
)
_NO_LABELS = _degraded("no effect: the engine keeps no such object")
_EXTERNAL = _refused("a Docker Engine stores none (Swarm does)")
_DRIVER = _refused("a Docker Engine has no drivers for it")

_PARTICULAR = {
    "version": _degraded("obsolete, no effect"),
    "services.attach": _noted("what `up --attach` shows"),
    "services.cpu_count": _WINDOWS,
    "services.cpu_percent": _WINDOWS,
    "services.credential_spec": _WINDOWS,
    "services.isolation": _noted("Linux engines refuse all but `default`"),
    "services.cpu_rt_period": _noted("refused by engines on kernels without real-time groups"),
    "services.cpu_rt_runtime": _noted("refused by engines on kernels without real-time groups"),
    "services.mem_swappiness": _noted("engines on cgroup v2 discard it and say so"),
    "services.oom_kill_disable": _noted("engines on cgroup v2 discard it and say so"),
    "services.storage_opt": _noted("refused by engines whose storage has no quotas"),
    "services.develop": _degraded("no effect: tabib does not watch source files"),
    "services.models": _refused("a Docker Engine runs no models"),
    "services.provider": _refused("tabib runs no provider plugins"),
    "services.pull_refresh_after": _degraded("no effect, as in Docker Compose"),
    "services.use_api_socket": _degraded(
        "the engine's socket is mounted; registry credentials are not handed to the container"
    ),
    "services.annotations": _degraded("left out before Docker Engine 24", (1, 43)),
    "services.healthcheck.start_interval": _degraded(
        "left out before Docker Engine 25: `interval` holds from the start", (1, 44)
    ),
    "services.post_start": _noted("run by tabib, not after a restart by the engine itself"),
    "services.pre_stop": _noted("run by tabib, not before a stop by others; outside the grace"),
    "services.restart": _noted("carried out by the engine; care looks on"),
    "services.networks.gw_priority": _degraded("left out before Docker Engine 28", (1, 48)),
    "services.networks.interface_name": _degraded("left out before Docker Engine 28.1", (1, 49)),
    "services.ports.app_protocol": _degraded("no effect"),
    "services.ports.name": _degraded("no effect"),
    "services.ports.mode": _noted("`ingress` and `host` are the same on one machine"),
    "services.volumes.consistency": _degraded("no effect"),
    "services.volumes.bind.recursive=readonly": _refused(
        "needs Docker Engine 25: before, mounts below it would stay writable", (1, 44)
    ),
    "services.volumes.volume.subpath": _refused(
        "needs Docker Engine 26: before, the whole volume would be mounted", (1, 45)
    ),
    "services.volumes.volume.labels": _noted("for an anonymous volume"),
    "services.volumes.type=image": _refused("needs Docker Engine 28", (1, 48)),
    "services.volumes.type=cluster": _refused("a Docker Engine has no cluster volumes"),
    "services.volumes.type=npipe": _refused("Linux engines have no named pipes"),
    "services.secrets.uid": _IGNORED_OWNER,
    "services.secrets.gid": _IGNORED_OWNER,
    "services.secrets.mode": _IGNORED_OWNER,
    "services.configs.uid": _IGNORED_OWNER,
    "services.configs.gid": _IGNORED_OWNER,
    "services.configs.mode": _IGNORED_OWNER,
    "services.deploy.mode": _noted("on one machine `global` is one container"),
    "services.deploy.mode=replicated-job": _degraded("run as a service without a restart"),
    "services.deploy.mode=global-job": _degraded("run as a service without a restart"),
    "services.deploy.endpoint_mode": _degraded("no effect: names lead to all containers"),
    "services.deploy.labels": _degraded("no effect: they are labels of a Swarm service"),
    "services.deploy.placement": _ONE_MACHINE,
    "services.deploy.update_config": _degraded(
        "no effect yet: containers are replaced create-first"
    ),
    "services.deploy.rollback_config": _degraded("no effect yet"),
    "services.deploy.resources.reservations.cpus": _degraded("no effect, as in Docker Compose"),
    "services.deploy.resources.reservations.generic_resources": _ONE_MACHINE,
    "services.deploy.restart_policy.delay": _degraded("no effect: the engine backs off by itself"),
    "services.deploy.restart_policy.window": _degraded("no effect: the engine has its own"),
    "services.deploy.restart_policy.max_attempts": _noted("for `condition: on-failure` alone"),
    "networks.enable_ipv4": _degraded("left out before Docker Engine 28", (1, 48)),
    "networks.ipam.options": _degraded("no effect, as in Docker Compose"),
    "secrets.external": _EXTERNAL,
    "secrets.labels": _NO_LABELS,
    "secrets.driver": _DRIVER,
    "secrets.driver_opts": _DRIVER,
    "secrets.template_driver": _DRIVER,
    "configs.external": _EXTERNAL,
    "configs.labels": _NO_LABELS,
    "configs.template_driver": _DRIVER,
}


def _all() -> Iterator[tuple[str, Support]]:
    for above, names in _HONOURED.items():
        for name in names.split():
            yield f"{above}.{name}".lstrip("."), Support()
    yield from _PARTICULAR.items()


DOCKER = Fidelity(engine="docker", title="Docker Engine", supports=dict(_all()))
