"""Which images are to be pulled before a project can be brought up, and which are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tabib.decide.builds import built
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

    What can be built is pulled only where that is asked for, and is built where it cannot be had.

    :raises ImageUnavailable: an image is missing, and must not be pulled.
    """
    steps: dict[str, Step] = {}
    for service in services:
        policy = pull_policy(service, pull)
        present, buildable = service.image in images, built(service)
        if buildable and not (policy == "always" and service.spec.get("image")):
            continue
        if policy != "always" and present:
            continue
        if policy == "never":
            raise ImageUnavailable(
                f"image {service.image} is not there, and pull_policy is never",
                attempted="prepare",
                target=f"service {service.name}",
                advice="Load or build the image, or allow pulling it (--pull missing).",
                details={"code": "image.not-found", "image": service.image},
            )
        steps[service.image] = pull_step(service, present=present, optional=present or buildable)
    return Plan(project=project.name, steps=tuple(steps.values()))


def pull_policy(service: Service, pull: str = "") -> str:
    """``always``, ``missing``, ``never`` or ``build``; ``pull`` wins over what the service says."""
    policy = pull or str(service.spec.get("pull_policy") or "missing")
    return "missing" if policy == "if_not_present" else policy


def pull_step(service: Service, *, present: bool, optional: bool) -> Step:
    """Pull the service's image. Where an older copy is there, being offline must not stop the
    project: the step is ``optional``."""
    platform = service.spec.get("platform")
    return Step(
        id=f"pull:{service.image}",
        verb=Verb.PULL_IMAGE,
        subject=f"image {service.image}",
        reason="it is not there yet" if not present else "its newest version was asked for",
        target=service.image,
        service=service.name,
        options={"platform": platform} if platform else {},
        optional=optional,
    )


def to_build(
    services: Iterable[Service], images: Mapping[str, ImageState], choice: str = ""
) -> dict[str, str]:
    """Service → why it is built now. ``choice``: ``always``, ``never``, or as each service says.

    :raises ImageUnavailable: an image is missing, and must not be built.
    """
    reasons = {}
    for service in services:
        if not built(service):
            continue
        missing = service.image not in images
        if choice == "never":
            if missing:
                raise ImageUnavailable(
                    f"image {service.image} is not there, and --no-build was given",
                    attempted="prepare",
                    target=f"service {service.name}",
                    advice="`tabib build` builds it.",
                    details={"code": "image.not-found", "image": service.image},
                )
        elif missing:
            reasons[service.name] = "it is not there yet"
        elif choice == "always":
            reasons[service.name] = "building was asked for"
        elif service.spec.get("pull_policy") == "build":
            reasons[service.name] = "its pull_policy is build"
    return reasons


def identities(
    services: Iterable[Service], images: Mapping[str, ImageState]
) -> dict[str, ImageIdentity]:
    """Which image exactly each service runs: its repository digest, else platform and image id."""
    found = {}
    for service in services:
        image = images.get(service.image)
        if image is None:
            continue
        digest = next((one for one in image.digests if not _own_name(service, image, one)), "")
        found[service.name] = ImageIdentity(
            reference=service.image,
            kind="digest" if digest else "id",
            value=digest or image.id,
            platform=image.platform,
            image_id=image.id,
        )
    return found


def _own_name(service: Service, image: ImageState, digest: str) -> bool:
    """The containerd image store calls each image by a digest, its id. Where the image is built
    here, that is no promise that a registry has it."""
    return "build" in service.spec and digest.endswith(f"@{image.id}")


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
