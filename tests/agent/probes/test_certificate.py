"""The end of a certificate, read without the library that wrote it."""

from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.probes.certificate import not_after

# Naive, as hypothesis wants them; the builder takes naive times for UTC.
FIRST, MIDDLE, LAST = (datetime(year, 1, 1) for year in (1971, 2030, 2199))  # noqa: DTZ001


@settings(max_examples=25, deadline=None)
@given(st.datetimes(FIRST, LAST).map(lambda t: t.replace(microsecond=0)))
def test_every_end_of_validity_is_read(ends: datetime) -> None:
    """Both date forms of X.509, either side of 2050, are read as cryptography wrote them."""
    der = certificate_der(ends)
    assert not_after(der) == ends.replace(tzinfo=timezone.utc).timestamp()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300))
def test_a_mangled_certificate_is_refused(noise: bytes, at: int) -> None:
    """Whatever a peer sends as certificate, the reader ends with a date or a ValueError."""
    der = certificate_der(MIDDLE)
    for data in (noise, der[:at], der[:at] + noise + der[at + len(noise) :]):
        try:
            assert isinstance(not_after(data), float)
        except ValueError:
            continue


def certificate_der(ends: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        subject_name=x509.Name([]),
        issuer_name=x509.Name([]),
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=ends - timedelta(days=1),
        not_valid_after=ends,
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
