"""Signed links to acknowledge: one incident, one recipient, for some days."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tramgac_collector.config import Config
from tramgac_collector.identity.keyring import locked
from tramgac_collector.web.address import loopback_names
from tramgac_proto.privatefile import private_folder, write_private

LINK_LIFE_MS = 7 * 86_400_000
_KEY_BYTES = 32
_LONGEST = 600
# Changed when what is signed changes, so that no old link means something new.
_PURPOSE = b"tramgac acknowledge 1\0"


class LinkRefused(Exception):  # noqa: N818 - an answer, not a fault
    """The link is not one of ours, or has ended.

    Attributes:
        code: ``malformed``, ``forged`` or ``expired``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Link(NamedTuple):
    """What a link says: who may acknowledge what until when."""

    incident: int
    recipient: str
    expires_ms: int


def link_key(state_dir: Path) -> bytes:
    """The key that signs links; made at first use."""
    folder = private_folder(private_folder(state_dir) / "identity")
    path = folder / "links.key"
    with locked(folder):
        if not path.exists():
            write_private(path, secrets.token_bytes(_KEY_BYTES))
        return path.read_bytes()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sum(key: bytes, said: bytes) -> bytes:
    return hmac.new(key, _PURPOSE + said, hashlib.sha256).digest()


def sign(key: bytes, link: Link) -> str:
    """The last part of the address: URL-safe text."""
    said = json.dumps([*link], ensure_ascii=False, separators=(",", ":")).encode()
    return f"{_text(said)}.{_text(_sum(key, said))}"


def verify(key: bytes, token: str, now_ms: int) -> Link:
    """Read a link that ``sign`` made.

    Raises:
        LinkRefused: Anything else, or too late.
    """
    if len(token) > _LONGEST:
        raise LinkRefused("malformed")
    try:
        said, seal = (
            base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
            for part in token.encode("ascii").decode().split(".")
        )
    except (ValueError, binascii.Error):
        raise LinkRefused("malformed") from None
    if not hmac.compare_digest(_sum(key, said), seal):
        raise LinkRefused("forged")
    incident, recipient, expires_ms = json.loads(said)
    link = Link(incident, recipient, expires_ms)
    if link.expires_ms <= now_ms:
        raise LinkRefused("expired")
    return link


def runbook_base(config: Config) -> str:
    """Address below which the runbooks are; empty where the pages do not answer by that name.

    By the name of the links alone nothing else is answered: an address that leads nowhere is worse
    than none.
    """
    page = config.notify.page_url.rstrip("/")
    asked = urlsplit(page).hostname
    answered = {urlsplit(config.web.public_url).hostname} if config.web.accounts else set()
    here = {name.strip("[]") for name in loopback_names()}
    return f"{page}/runbooks" if page and asked in answered | here else ""
