"""``[notify]`` of the collector's configuration."""

from typing import Annotated, Literal

import msgspec

Clock = Annotated[str, msgspec.Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
WebAddress = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s]{1,500}$")]
_NoOrWebAddress = Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s]{1,500})?$")]
# Apprise knows more than a hundred schemes; what follows may hold a password.
ChannelUrl = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]{2,20}://[^\s]{1,1000}$")]
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class NotifySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to tell, and how.

    Attributes:
        alertmanager: Base address of each Alertmanager of one cluster; empty: told directly.
        resend_seconds: How often it is told that an alert still holds; it forgets after four.
        fallback_minutes: People are told straight when no Alertmanager took alerts for so long.
        hold_seconds: How long an incident must stand before anybody is told.
        urls: Apprise addresses told of everything where there is no roster.
        language: Of what goes to them.
        roster: File of people, duty and escalation; empty where there is none.
        page_url: Address by which people reach the page; without it no link is sent.
        ack_minutes: How long an acknowledgement keeps everything quiet.
        digest_at: When regulatory gaps are told, Viet Nam time.
        heartbeat_url: Asked every minute while people can be told; its silence is the alarm.
    """

    alertmanager: Annotated[tuple[WebAddress, ...], msgspec.Meta(max_length=8)] = ()
    resend_seconds: _Seconds = 60.0
    fallback_minutes: Annotated[float, msgspec.Meta(gt=0, le=1_440)] = 5.0
    hold_seconds: Annotated[float, msgspec.Meta(ge=0, le=600)] = 15.0
    urls: Annotated[tuple[ChannelUrl, ...], msgspec.Meta(max_length=16)] = ()
    language: Literal["vi", "en"] = "vi"
    roster: str = ""
    page_url: _NoOrWebAddress = ""
    ack_minutes: Annotated[float, msgspec.Meta(gt=0, le=10_080)] = 240.0
    digest_at: Clock = "07:00"
    heartbeat_url: _NoOrWebAddress = ""
    heartbeat_seconds: _Seconds = 60.0
