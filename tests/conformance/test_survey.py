"""Everything on an engine at once."""

from __future__ import annotations

import pytest

from support.bench import Bench
from tabib.model.errors import TabibError


async def test_a_survey_has_everything(bench: Bench) -> None:
    volume = await bench.volume()
    name = await bench.run("a", mounts=(bench.mount(volume, "/data"),),
                           service={"mem_limit": 64 << 20, "environment": {"A": "b"}})  # fmt: skip
    created = await bench.create("b")
    found = await bench.engine.survey()
    by_name = {one["Name"].lstrip("/"): one for one in found.inspections}
    assert {name, created} <= set(by_name)
    running = by_name[name]
    assert running["State"]["Status"] == "running"
    assert running["HostConfig"]["Memory"] == 64 << 20
    assert "A=b" in running["Config"]["Env"]
    assert [mount["Name"] for mount in running["Mounts"]] == [volume]
    assert by_name[created]["State"]["Status"] == "created"
    assert volume in {one.name for one in found.volumes}
    image = next(one for one in found.images if one.id == running["Image"])
    assert any(tag.startswith("busybox:") for tag in image.tags)
    assert not any("<none>" in text for one in found.images for text in (*one.tags, *one.digests))
    assert found.memory_bytes > 256 << 20
    assert abs(found.clock_offset_s) < 2.0


async def test_a_registry_that_cannot_be_had_is_told(bench: Bench) -> None:
    with pytest.raises(TabibError):
        await bench.engine.registry_digest("127.0.0.1:1/no/such:1", timeout_s=2.0)
