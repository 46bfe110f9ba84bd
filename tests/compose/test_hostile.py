"""Files that were made to hurt: refused at once, with an error that is ours."""

from __future__ import annotations

import contextlib
import itertools
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compose.memory import load_files, load_text
from tabib.model.errors import ConfigError

SERVICE = "services: {a: {image: x}}\n"
_LIMIT_S = 1.0


def _doubling(first: str, line: str, count: int) -> str:
    """Each line refers nine times to the one before."""
    names = [f"n{i}" for i in range(count)]
    lines = [f"x-n0: &n0 {first}"]
    for before, name in itertools.pairwise(names):
        refs = ",".join([f"*{before}"] * 9)
        lines.append(line.format(name=name, refs=refs, before=before))
    return "\n".join(lines) + "\n" + SERVICE


HOSTILE: dict[str, str | bytes] = {
    "alias bomb": _doubling("[x,x]", "x-{name}: &{name} [{refs}]", 12),
    "merge bomb": _doubling(
        "{k: v}", "x-{name}: &{name}\n  <<: [{refs}]\n  k{name}: *{before}", 30
    ),
    "wide aliases": f"x-a: &a [{'x,' * 1000}]\nx-b: [{'*a,' * 5000}]\n{SERVICE}",
    "alias of itself": "x-a: &a [*a]\n" + SERVICE,
    "deep lists": "x-a: " + "[" * 200_000,
    "deep mappings": "x-a: " + "{a: " * 100_000,
    "deep indents": "\n".join(" " * depth + "a:" for depth in range(1500)),
    "deep dashes": "- " * 200_000,
    "many scalars": "x-a: [" + "a," * 1_000_000 + "]\n" + SERVICE,
    "too large": "a" * (5 << 20),
    "many documents": "---\n{}\n" * 20_000,
    "duplicate keys": "services:\n" + " a: {image: x}\n" * 20_000,
    "open variables": "services: {a: {image: '" + "${a:-" * 100_000 + "'}}",
    "nested variables": "services: {a: {image: '" + "${a:-" * 50_000 + "}" * 50_000 + "'}}",
    "long digits": "services: {a: {image: x, mem_limit: '" + "9" * 500_000 + "x'}}",
    "extends chain": "services:\n"
    + "".join(f" s{i}: {{extends: s{i + 1}}}\n" for i in range(3000))
    + " s3000: {image: x}\n",
    "invalid UTF-8": b"services: {a: {image: '\xff\xfe\xff'}}",
    "binary": random.Random(7).randbytes(300_000),
    "zero bytes": b"\0" * 5000,
    "control characters": "services: {a: {image: '\x01'}}",
    "python tags": "services: !!python/object/apply:os.system ['id']\n",
    "half a character": 'services: {a: {image: "\\ud800"}}',
    "future YAML": "%YAML 9.9\n---\n" + SERVICE,
    "billions of ports": "services: {a: {image: x, ports: ['1-4000000000:1-4000000000']}}",
    "many ranges of ports": "services: {a: {image: x, ports: ["
    + ",".join(f"'{i}-65535:{i}-65535'" for i in range(1, 100))
    + "]}}",
    "huge integer": "services: {a: {image: x, scale: " + "9" * 5000 + "}}",
    "huge float": "services: {a: {image: x, cpus: 1e99999}}",
    "huge limit": "services: {a: {image: x, ulimits: {nofile: 99999999999999999999999}}}",
    "a thousand levels": "services: {a: {image: x, x-a: " + "[" * 1000 + "]" * 1000 + "}}",
    "zero byte in a key": 'services: {"a\\0": {image: x}}',
    "zero byte in a path": 'services: {a: {extends: {file: "a\\0b", service: x}}}',
    "half of UTF-16": "\ufeffservices: {a: {image: x}}".encode("utf-16-le") + b"\0",
    "UTF-32": SERVICE.encode("utf-32"),
    "thirty thousand services": "services:\n"
    + "".join(f" s{i}: {{image: x}}\n" for i in range(30_000)),
    "thousands of problems": "services:\n"
    + "".join(f" s{i}: {{image: x, networks: [n{i}]}}\n" for i in range(5000)),
    "half a million variables": "services: {a: {image: x, command: '" + "${A}" * 500_000 + "'}}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_refused_within_a_second(name: str) -> None:
    load_text(SERVICE)  # the libraries are loaded once per process
    began = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load_text(HOSTILE[name])
    assert time.process_time() - began < _LIMIT_S
    assert caught.value.details["problems"]
    assert len(str(caught.value)) < 20_000


GROUPS: dict[str, dict[str, str | bytes]] = {
    "cyclic include": {
        "compose.yaml": "include: [b.yaml]\n",
        "b.yaml": "include: [compose.yaml]\n",
    },
    "doubling include": {
        **{f"f{i}.yaml": f"include: [f{i + 1}.yaml, f{i + 1}.yaml]\n" for i in range(24)},
        "compose.yaml": "include: [f0.yaml]\n",
        "f24.yaml": SERVICE,
    },
    "cyclic extends": {
        "compose.yaml": "services: {a: {extends: {file: b.yaml, service: a}}}",
        "b.yaml": "services: {a: {extends: {file: compose.yaml, service: a}}}",
    },
    "doubling variable": {
        "compose.yaml": "services: {a: {image: '${A}'}}",
        ".env": "A=aaaaaaaa\n" + "A=${A}${A}\n" * 40,
    },
    "long value, often": {
        "compose.yaml": "services: {a: {image: x, command: '" + "${A}" * 100_000 + "'}}",
        ".env": "A=" + "b" * 100_000,
    },
    "large env file": {
        "compose.yaml": "services: {a: {image: x, env_file: e}}",
        "e": 'A="' + "\\\\" * 2_000_000 + '"',
    },
    "zero byte in a name": {"compose.yaml": 'include: ["a\\0b"]\n'},
}


@pytest.mark.parametrize("name", GROUPS)
def test_several_files_are_refused_within_a_second(name: str) -> None:
    load_text(SERVICE)
    began = time.process_time()
    with pytest.raises(ConfigError):
        load_files(GROUPS[name])
    assert time.process_time() - began < _LIMIT_S


HANDLED: dict[str, str | bytes] = {
    "dollars": "services: {a: {image: x, command: '" + "$$" * 500_000 + "'}}",
    "quotes": "services: {a: {image: x, command: '" + '\\"' * 200_000 + "'}}",
    "long text": "services: {a: {image: x, labels: {a: '" + "b" * 3_000_000 + "'}}}",
    "long duration": "services: {a: {image: x, stop_grace_period: '" + "1h" * 90_000 + "'}}",
    "range of ports": "services: {a: {image: x, ports: ['10000-20000:10000-20000']}}",
    "UTF-16": ("\ufeff" + SERVICE).encode("utf-16-le"),
    "byte order mark": b"\xef\xbb\xbf" + SERVICE.encode(),
    "Windows lines": "services:\r\n  a:\r\n    image: x\r\n",
}


@pytest.mark.parametrize("name", HANDLED)
def test_loaded_within_a_second(name: str) -> None:
    load_text(SERVICE)
    began = time.process_time()
    assert list(load_text(HANDLED[name], no_hashes=True).services) == ["a"]
    assert time.process_time() - began < _LIMIT_S


def test_none_of_it_takes_200_megabytes() -> None:
    program = (
        "import re, sys\n"
        "from compose import test_hostile as t\n"
        "for files in (*({'compose.yaml': x} for x in (*t.HOSTILE.values(), *t.HANDLED.values())),"
        " *t.GROUPS.values()):\n"
        "    t._only_config_errors(files)\n"
        # Not ru_maxrss: a child begins with what its parent had.
        "status = open('/proc/self/status').read()\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) // 1024)\n"
    )
    tests = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tests, capture_output=True, text=True, timeout=120
    )
    assert int(done.stdout) < 200, done.stderr


def test_a_chain_of_three_thousand_dependencies_loads() -> None:
    chain = "".join(f" s{i}: {{image: x, depends_on: [s{i + 1}]}}\n" for i in range(3000))
    project = load_text(f"services:\n{chain} s3000: {{image: x}}\n")
    assert len(project.services) == 3001


_WORDS = st.sampled_from(
    re.findall(
        r"\S+",
        """
    services: image: build: ports: volumes: networks: environment: deploy: extends: include:
    configs: secrets: healthcheck: command: depends_on: a: b: x-y: <<: name: - -- ? [ ] { }
    , &a *a !reset !override !!str null true 5 1.5 "80:80" "a=b" ${A} ${A:-b} ${A ' " | > #
    2026-01-02 ~ . profiles: labels: ulimits: models: provider: develop: gpus: logging:
    tmpfs: blkio_config:
    """,
    )
)
_SPACE = st.sampled_from(["\n", "\n  ", "\n    ", "\n      ", " ", ""])
_SOUP = st.lists(st.tuples(_SPACE, _WORDS), max_size=40).map(
    lambda pairs: "".join(space + word for space, word in pairs)
)


def _only_config_errors(files: dict[str, str | bytes]) -> None:
    error = None
    try:
        load_files(files)
    except ConfigError as caught:
        error = caught
    assert error is None or (error.details["problems"] and str(error))


@given(st.binary(max_size=400))
def test_junk_bytes_raise_nothing_but_config_errors(data: bytes) -> None:
    _only_config_errors({"compose.yaml": data})


@settings(max_examples=400, deadline=None)
@given(_SOUP, st.sampled_from(["", "services:\n  a:\n    ", "services: {a: {image: x}}\n"]))
def test_soup_of_yaml_raises_nothing_but_config_errors(soup: str, head: str) -> None:
    _only_config_errors({"compose.yaml": head + soup})


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6), st.floats())
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    re.findall(
        r"\S+",
        """
    annotations attach build develop blkio_config cap_add cgroup cpu_percent cpus command
    configs container_name depends_on deploy devices dns entrypoint provider environment
    env_file expose extends extra_hosts gpus healthcheck labels label_file links logging
    mem_limit memswap_limit models networks network_mode pid ports profiles pull_policy
    scale secrets shm_size sysctls stop_grace_period storage_opt tmpfs tty ulimits volumes
    volumes_from post_start x-tabib
    """,
    )
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(_FIELDS, _VALUES, max_size=3), st.dictionaries(_FIELDS, _VALUES, max_size=3))
def test_any_value_anywhere_raises_nothing_but_config_errors(
    one: dict[str, object], other: dict[str, object]
) -> None:
    def service(fields: dict[str, object]) -> str:
        return yaml.safe_dump({"services": {"a": {"image": "x", **fields}}})

    _only_config_errors({"compose.yaml": service(one), "compose.override.yaml": service(other)})


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="AB=:'\"\\$ {}-#\n\t_1.", max_size=60))
def test_env_files_raise_nothing_but_config_errors(text: str) -> None:
    _only_config_errors({"compose.yaml": SERVICE, ".env": text})


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_FIELDS, st.sampled_from(["${A}", ["${A}"], {"${A}": "$B"}]), max_size=4))
def test_unread_variables_raise_nothing_but_config_errors(fields: dict[str, object]) -> None:
    text = yaml.safe_dump({"services": {"a": {"image": "x", **fields}}})
    with contextlib.suppress(ConfigError):
        load_files({"compose.yaml": text}, no_interpolate=True)
