"""When an X.509 certificate ends, read from its DER form.

``ssl`` tells it only of certificates it trusts, and the expired one is the one we ask about;
``cryptography`` would cost the resident process more memory than this page of code.
"""

from datetime import datetime, timezone

_SEQUENCE = 0x30
_VERSION = 0xA0
_UTC_TIME = 0x17
_GENERALIZED_TIME = 0x18
_LONG_FORM = 0x80
_MAX_LENGTH_BYTES = 4


class _Reader:
    """Walks the elements of one DER value (X.690 section 8.1)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise ValueError("certificate is cut short")
        taken, self._at = self._data[self._at : end], end
        return taken

    def _length(self) -> int:
        first = self._take(1)[0]
        if first < _LONG_FORM:
            return first
        count = first - _LONG_FORM
        if not 1 <= count <= _MAX_LENGTH_BYTES:
            raise ValueError("certificate has an unusable length")
        return int.from_bytes(self._take(count), "big")

    def peek(self) -> int:
        """Tag of the next element; -1 at the end."""
        return self._data[self._at] if self._at < len(self._data) else -1

    def next(self) -> tuple[int, bytes]:
        """Tag and content of the next element."""
        tag = self._take(1)[0]
        return tag, self._take(self._length())

    def enter(self) -> "_Reader":
        """Go into the next element, which must be a SEQUENCE."""
        tag, content = self.next()
        if tag != _SEQUENCE:
            raise ValueError("certificate is not laid out as X.509")
        return _Reader(content)


def not_after(der: bytes) -> float:
    """Return the end of validity as seconds since the epoch (RFC 5280 section 4.1.2.5).

    Raises:
        ValueError: Not a certificate.
    """
    body = _Reader(der).enter().enter()
    if body.peek() == _VERSION:
        body.next()
    for _ in ("serialNumber", "signature", "issuer"):
        body.next()
    validity = body.enter()
    validity.next()
    return _time(*validity.next())


def _time(tag: int, content: bytes) -> float:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        # RFC 5280: years 50 to 99 are of the last century.
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("certificate has no end of validity")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
