"""Whatever a name holds, a message stays a message: one line a name, one telephone page an SMS."""

import json
import re
import unicodedata
from typing import Any

import apprise
import msgspec
import pytest
import requests
from helpers.mail_sink import mail_sink
from helpers.telling import NINE, send_here
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tramgac_collector.incidents.codes import CODES
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.notify.message import SMS_LENGTH, Message, Topic, compose
from tramgac_collector.notify.outbound import Envelope
from tramgac_collector.notify.pipeline import DOWN, ESCALATION, RECOVERED, WORSE, Incident
from tramgac_collector.notify.plain import cut, plain, units

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\n\r\t\0\x1b\u2028\u202e\u200b\u0301\u0323😀ẾỆđ<>&\"'*_[](){}%"),
    ),
    max_size=200,
)
DECOMPOSED = st.text(st.sampled_from("ắếộữỵ😀 a"), max_size=90).map(
    lambda text: unicodedata.normalize("NFD", text)
)
QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
GOOD = parse_inventory('facilities: [{id: bv, code: "1", name: N}]', "test")
LANGUAGE = st.sampled_from(["vi", "en"])


def named(name: str) -> Inventory:
    """An inventory whose facility has that name, whatever a file would allow."""
    facility = msgspec.structs.replace(GOOD.facilities[0], name=name or "x")
    return msgspec.structs.replace(GOOD, facilities=(facility,))


def told(code: str, node: str = "bv/main/h", **detail: object) -> Incident:
    return Incident(7, node, code, "bv", "main", NINE, "high", NINE + 60_000, detail=detail)


@given(HOSTILE | DECOMPOSED, st.integers(1, 150))
@QUICK
def test_a_plain_line_is_one_line(text: str, longest: int) -> None:
    """Printable, composed, within its length; what was plain stays as it is."""
    line = plain(text, longest)

    assert len(line) <= longest
    assert not [one for one in line if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert len((line + "x").splitlines()) == 1
    assert plain(line, longest) == line


@given(HOSTILE | DECOMPOSED, st.integers(1, 80))
@QUICK
def test_what_is_cut_fits_and_ends_at_a_letter(text: str, room: int) -> None:
    """Never half of an emoji, never a mark without its letter."""
    text = text.encode(errors="ignore").decode()
    kept = cut(text, room)

    assert units(kept) <= max(room, 0)
    assert kept == text or kept.endswith("…")
    if kept != text:
        rest = text[len(kept.removesuffix("…")) :]
        assert text.startswith(kept.removesuffix("…"))
        assert rest


@given(
    HOSTILE | DECOMPOSED, st.sampled_from([*sorted(CODES), "x" * 90]),
    st.sampled_from([DOWN, RECOVERED, WORSE, ESCALATION]), LANGUAGE, st.integers(1, 2_000),
)  # fmt: skip
@QUICK
def test_a_text_message_is_one_page_of_a_telephone(
    name: str, code: str, kind: str, language: str, count: int
) -> None:
    """Seventy code units of UCS-2, by any name, of any number of incidents; its time is in it."""
    text = compose([Topic(told(code), kind)] * count, named(name), language).sms

    assert len(text.encode("utf-16-le", "surrogatepass")) // 2 <= SMS_LENGTH
    assert re.search(r" 09:0[01]( \+\d+)?$", text)
    assert "\n" not in text


@given(HOSTILE, HOSTILE, LANGUAGE)
@QUICK
def test_a_name_forges_no_line(name: str, note: str, language: str) -> None:
    """As many lines as with a good name, and one subject."""
    hostile = told("site_unreachable", f"bv/{note}", clause=note, inside=[note, 7], down=note)
    said = compose([Topic(hostile, link="https://x/ack/1")], named(name), language)
    good = told("site_unreachable", "bv/a", clause="c", inside=["bv/b"])
    lines = compose([Topic(good, link="https://x/ack/1")], named("N"), language).body.splitlines()

    assert len(said.body.splitlines()) <= len(lines)
    assert said.body.splitlines()[-1] == lines[-1]
    assert len(said.subject.splitlines()) == 1
    assert len(said.subject) < 300
    assert len(said.body) < 4_000


def test_very_many_incidents_are_counted() -> None:
    """One message of a chat, with the number of what is not in it."""
    said = compose([Topic(told("service_down"))] * 500, named("x" * 400), "en")

    assert len(said.body) < 3_600
    shown = said.body.count("#7 service_down")
    assert f"and {500 - shown} incidents more" in said.body


class _Answer:
    status_code, content, text, headers = 200, b"{}", "{}", dict[str, str]()


def posted(monkeypatch: pytest.MonkeyPatch, url: str, message: Message) -> Any:
    """What apprise would post by HTTP."""
    found: list[Any] = []

    def post(*_where: str, data: Any = None, **_more: object) -> _Answer:
        found.append(json.loads(data) if isinstance(data, str | bytes) else data)
        return _Answer()

    with monkeypatch.context() as taken:
        taken.setattr(requests, "post", post)
        taken.setattr(requests, "request", post)
        assert send_here(Envelope(url, message)).ok
    return found


NAMES = ("<b>&<script>x", "a\r\nBcc: x@example.org", "*_`[x](http://evil)", "\u202eBV\x00\x1b[2J")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_reaches_every_channel_as_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telegram gets no tag of its own, a webhook valid JSON, a mail one subject and no header."""
    message = compose([Topic(told("service_down", f"bv/{name}"))], named(name), "vi")
    chat = posted(monkeypatch, "tgram://123456789:abcdefg_hijklmnop/12315544/", message)
    for one in chat:
        assert not set(re.findall(r"<(\w+)", one.get("text", ""))) - {"b"}
        assert "<script" not in one.get("text", "")
    hook = posted(monkeypatch, "json://127.0.0.1/x", message)
    assert plain(name) in hook[0]["message"]
    with mail_sink() as sink:
        assert send_here(Envelope(sink.url, message)).ok
        assert sink.mails[0]["Bcc"] is None
        assert plain(name) in sink.subjects()[0]


def test_a_message_longer_than_a_chat_takes_goes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daily list of many facilities is not refused for its length."""
    message = Message("T", "\n".join(f"dòng {n} " + "x" * 60 for n in range(120)), "T")
    chat = posted(monkeypatch, "tgram://123456789:abcdefg_hijklmnop/12315544/", message)

    assert len(chat) > 1
    assert all(len(one["text"]) <= 4_096 for one in chat)
    assert "dòng 119 " in chat[-1]["text"]


def test_apprise_is_the_one_we_know() -> None:
    """Its switch for long messages is there."""
    assert apprise.OverflowMode.SPLIT
