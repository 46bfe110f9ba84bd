"""``tls.*``: certificates and handshakes."""

# ruff: noqa: E501
from __future__ import annotations

from tabib.decide.diagnose.heard import log_rule

RULES = (
    log_rule(
        "tls.expired",
        explain="A certificate's time is over: nobody accepts it any more.",
        advice="Renew the certificate, reload what serves it, and see why renewal did not happen.",
        explains=("network.refused", "network.reset", "tls.untrusted", "tls.handshake"),
    ),
    log_rule(
        "tls.untrusted",
        explain="A certificate is signed by an authority that the program does not trust.",
        advice="Give the program the authority's certificate, or use one that it knows.",
        explains=("network.refused", "network.reset", "tls.handshake"),
    ),
    log_rule(
        "tls.hostname-mismatch",
        explain="A certificate is valid, but for another name than was asked for.",
        advice="Ask by a name that stands in the certificate, or issue one with this name.",
        explains=("network.refused", "network.reset", "tls.untrusted", "tls.handshake"),
    ),
    log_rule(
        "tls.certificate-unreadable",
        explain="A certificate or its key is missing, damaged, or not the pair of the other.",
        advice="Look at the file that is named, its owner and mode, and that key and certificate fit.",
        explains=("config.file-missing", "config.invalid", "tls.handshake"),
    ),
    log_rule(
        "tls.handshake",
        explain="Two sides cannot agree on TLS: one speaks plain text, or another version.",
        advice="Check the port, the scheme (http or https) and the TLS versions of both sides.",
        confidence=0.8,
        explains=("network.reset",),
    ),
)
