"""Which certificate a TLS port shows."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    subject: str
    not_before: datetime
    not_after: datetime


async def certificate_at(host: str, port: int, timeout_s: float = 1.0) -> Shown | None:
    """The certificate that ``host:port`` shows to whoever connects; nothing of it is checked, and
    nothing is sent after the handshake. None where no TLS is spoken within ``timeout_s``."""
    der = None
    with suppress(OSError, ssl.SSLError, TimeoutError, ValueError):
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port, ssl=_context())
            try:
                secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
                der = secured.getpeercert(binary_form=True)
            finally:
                writer.transport.abort()
    return _read(der) if der else None


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # What is old is spoken to, too: its certificate ends all the same.
    with suppress(ssl.SSLError, ValueError):
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def _read(der: bytes) -> Shown | None:
    # 40 ms, which only those need that found a certificate.
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        found = x509.load_der_x509_certificate(der)
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        subject = str(names[0].value) if names else _first_name(found)
        return Shown(
            subject=subject,
            not_before=found.not_valid_before_utc,
            not_after=found.not_valid_after_utc,
        )
    except ValueError:
        return None


def _first_name(certificate: object) -> str:
    from cryptography import x509

    with suppress(x509.ExtensionNotFound, ValueError, IndexError):
        assert isinstance(certificate, x509.Certificate)
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return str(extension.value.get_values_for_type(x509.DNSName)[0])
    return ""
