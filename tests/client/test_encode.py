"""What the command writes is what the daemon reads."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabib.client.encode import encode
from tabib.model.codec import decode
from tabib.model.project import Dependency, Project, Service
from tabib.model.wire import UpRequest

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(1.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(spec=st.dictionaries(st.text(), values, max_size=5), scale=st.integers(0, 99))
def test_a_request_arrives_as_it_was(spec: dict[str, object], scale: int) -> None:
    service = Service(name="a", spec=spec, config_hash="h", depends_on=(Dependency(service="b"),))
    project = Project(name="x", working_dir="/x", services={"a": service})
    request = UpRequest(project=project, services=("a",), scale={"a": scale}, timeout_s=1.5)
    assert decode(encode(request), UpRequest) == request


def test_what_no_request_holds_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        encode({"x": object()})


def test_commands_do_without_msgspec() -> None:
    code = (
        "import sys, tabib.cli.commands.up, tabib.client.encode, tabib.client.api, tabib.compose;"
        "print([m for m in ('msgspec', 'asyncio', 'aiohttp', 'starlette') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
