"""``image.*``: the image cannot be had. Known by the engine's words when it pulls or creates."""

from __future__ import annotations

from tabib.decide.diagnose.rule import engine_rule

RULES = (
    engine_rule(
        "image.not-found",
        r"manifest unknown|manifest for (\S+) not found|No such image:? ?(\S*)",
        "its image {0} does not exist",
        explain="The registry (or the machine) has no image under that name and tag.",
        advice="Check name and tag; build it, or go back to the last release that ran.",
    ),
    engine_rule(
        "image.denied",
        r"pull access denied for ([^\s,]+)|unauthorized: |authentication required",
        "the registry refuses to give its image {0}",
        explain="The image is private, or does not exist under that name.",
        advice="Log in to the registry (`docker login`) and check the name.",
    ),
    engine_rule(
        "image.registry-unreachable",
        r'Get "https?://([^/"]+)[^"]*":.*(?:no such host|connection refused|i/o timeout|'
        r"network is unreachable|deadline exceeded|Client\.Timeout|server misbehaving)",
        "the registry {0} cannot be reached",
        explain="The image must be pulled, and its registry does not answer.",
        advice="Check the network and the name service of this machine, then try again.",
        restart_helps=True,
        explains=("engine.start-refused", "network.dns", "network.refused"),
    ),
    engine_rule(
        "image.rate-limit",
        r"toomanyrequests|too many requests|pull rate limit",
        "the registry refuses more pulls for now",
        explain="The registry counts pulls, and this address has used up its share.",
        advice="Log in to the registry, wait an hour, or use a mirror.",
        restart_helps=True,
    ),
    engine_rule(
        "image.invalid-reference",
        r"invalid reference format|must be lowercase",
        "the image's name is not a valid one",
        explain="`image:` does not name an image: capital letters or odd characters.",
        advice="Correct `image:` in the Compose file.",
    ),
    engine_rule(
        "image.platform",
        r"no matching manifest for (\S+)|does not match the specified platform: wanted (\S+?),",
        "its image is not made for this platform ({0})",
        explain="The image exists, but not for this machine's processor.",
        advice="Use an image for this platform, or set `platform:` with an emulator installed.",
    ),
)
