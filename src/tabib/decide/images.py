"""Which images are to be pulled before a project can be brought up, and which are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tabib.model.container import ImageState
from tabib.model.errors import ImageUnavailable
from tabib.model.plan import Plan, Step, Verb
from tabib.model.project import Project, Service
from tabib.model.release import ImageIdentity, Release

KEEP_REPOSITORY = "tabib/keep"
KEPT_RELEASES = 3


def references(services: Iterable[Service]) -> tuple[str, ...]:
    """The image references of ``services``, each once."""
    return tuple(dict.fromkeys(service.image for service in services if service.image))


def plan_pulls(
    project: Project,
    services: Iterable[Service],
    images: Mapping[str, ImageState],
    pull: str = "",
) -> Plan:
    """Pull steps by each service's ``pull_policy``, or by ``pull`` where given.

    :raises ImageUnavailable: an image is missing, and must not be pulled or has to be built.
    """
    steps: dict[str, Step] = {}
    for service in services:
        policy = pull or str(service.spec.get("pull_policy") or "missing")
        present = service.image in images
        built = "build" in service.spec
        if policy in ("missing", "if_not_present", "never", "build") and present:
            continue
        if not present and built:
            raise ImageUnavailable(
                f"image {service.image} is not there, and has to be built",
                attempted="prepare",
                target=f"service {service.name}",
                advice="Building comes with a later version; `docker compose build` builds it now.",
                details={"code": "image.not-found", "image": service.image},
            )
        if policy == "never" and not present:
            raise ImageUnavailable(
                f"image {service.image} is not there, and pull_policy is never",
                attempted="prepare",
                target=f"service {service.name}",
                advice="Load or build the image, or allow pulling it (--pull missing).",
                details={"code": "image.not-found", "image": service.image},
            )
        if built:
            continue
        steps[service.image] = Step(
            id=f"pull:{service.image}",
            verb=Verb.PULL_IMAGE,
            subject=f"image {service.image}",
            reason="it is not there yet" if not present else "its newest version was asked for",
            target=service.image,
            service=service.name,
            options={"platform": service.spec["platform"]} if service.spec.get("platform") else {},
            # Where an older copy is there, being offline must not stop the project.
            optional=present,
        )
    return Plan(project=project.name, steps=tuple(steps.values()))


def identities(
    services: Iterable[Service], images: Mapping[str, ImageState]
) -> dict[str, ImageIdentity]:
    """Which image exactly each service runs: its repository digest, else platform and image id."""
    found = {}
    for service in services:
        image = images.get(service.image)
        if image is None:
            continue
        digest = image.digests[0] if image.digests else ""
        found[service.name] = ImageIdentity(
            reference=service.image,
            kind="digest" if digest else "id",
            value=digest or image.id,
            platform=image.platform,
            image_id=image.id,
        )
    return found


def keep_tag(image_id: str) -> str:
    """The tag that keeps an image from being pruned."""
    return f"{KEEP_REPOSITORY}:{image_id.removeprefix('sha256:')[:16]}"


def keep_steps(services: Iterable[Service], images: Mapping[str, ImageState]) -> list[Step]:
    """Tag steps for images that carry no keep tag yet; their failure harms nothing."""
    steps = {}
    for service in services:
        image = images.get(service.image)
        if image is None or keep_tag(image.id) in image.tags:
            continue
        repository, _, tag = keep_tag(image.id).partition(":")
        steps[image.id] = Step(
            id=f"keep:{service.image}",
            verb=Verb.TAG_IMAGE,
            subject=f"image {service.image}",
            reason="so that pruning never takes an image that is in use",
            target=image.id,
            options={"repository": repository, "tag": tag},
            optional=True,
        )
    return list(steps.values())


def spare_keep_tags(
    releases: Iterable[Release], others: Iterable[Iterable[Release]]
) -> tuple[str, ...]:
    """Keep tags of a project's older releases that nothing needs any more.

    ``releases``: the project's, newest first; ``others``: those of every other project in care.
    The newest good releases of each project keep their images.
    """
    releases = list(releases)
    needed = {tag for each in (releases, *others) for tag in _needed(list(each))}
    made = {
        keep_tag(identity.image_id)
        for release in releases
        for identity in release.images.values()
        if identity.image_id
    }
    return tuple(sorted(made - needed))


def unkeep_steps(tags: Iterable[str], images: Mapping[str, ImageState]) -> list[Step]:
    """Steps that remove keep tags. An image that would go with its tag, and that no registry can
    give back, keeps it: it may be the last copy there is."""
    return [
        Step(
            id=f"unkeep:{tag}",
            verb=Verb.UNTAG_IMAGE,
            subject=f"image {tag}",
            reason="no release that tabib may roll back to needs it any more",
            target=tag,
            optional=True,
        )
        for tag in tags
        if tag in images and (len(images[tag].tags) > 1 or images[tag].digests)
    ]


def _needed(releases: list[Release]) -> set[str]:
    good = [one for one in releases if one.verdict in ("good", "adopted")][:KEPT_RELEASES]
    pending = [one for one in releases if one.verdict == "pending"][:1]
    return {
        keep_tag(identity.image_id)
        for release in (*good, *pending)
        for identity in release.images.values()
        if identity.image_id
    }
