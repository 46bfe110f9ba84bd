"""``image.*``: whether what runs is what its tag means today."""

from __future__ import annotations

from collections.abc import Iterable

from tabib.decide.checkup.rule import Check, found
from tabib.model.checkup import CheckupFinding, Observation
from tabib.model.container import ImageState
from tabib.model.incident import Evidence


def _outdated(observation: Observation) -> Iterable[CheckupFinding]:
    images = {image.id: image for image in observation.images}
    for one in observation.containers:
        now, image = observation.tags.get(one.image), images.get(one.image_id)
        if now is None or not now.digest or image is None or not one.runs:
            continue
        had = local_digests(image)
        if not had or now.digest in had:
            continue
        yield found(
            one,
            "image.outdated",
            "warning",
            f"its registry has a newer image under {one.image}",
            Evidence(source="registry", text=f"{one.image} is {now.digest} now"),
            Evidence(source="engine", text=f"it runs {sorted(had)[0]}"),
        )


def local_digests(image: ImageState) -> frozenset[str]:
    """The digests under which registries know a local image; none for one that was built here."""
    digests = (reference.partition("@")[2] for reference in image.digests)
    return frozenset(digest for digest in digests if digest.startswith("sha256:"))


RULES: tuple[Check, ...] = (
    Check(
        code="image.outdated",
        check=_outdated,
        explain="The tag was moved to a newer image since; the container runs the old one.",
        advice="Read what changed; then `tabib pull` and `tabib up`.",
    ),
)
