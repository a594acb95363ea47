"""What is said of every incident, in both languages and on the smallest telephone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.telling import INVENTORY, NINE

from tramgac_collector.backups.reasons import WORDS as REASONS
from tramgac_collector.incidents import engine
from tramgac_collector.incidents.codes import CODES
from tramgac_collector.notify.message import SMS_LENGTH, Topic, compose, place_of
from tramgac_collector.notify.pipeline import DOWN, RECOVERED, Incident
from tramgac_collector.notify.words import (
    CAUSES,
    LABELS,
    LANGUAGES,
    WORDS,
    cause_words,
    step_of,
)


def incident(code: str, **values: object) -> Incident:
    row = {"node": "bv-uong-bi/hai/lis", "facility": "bv-uong-bi", "site": "hai", **values}
    return Incident(id=7, code=code, opened_ms=NINE, severity="high", **row)  # type: ignore[arg-type]


def test_every_code_has_words() -> None:
    """Each finding the incident engine knows, and no other."""
    assert set(WORDS) == set(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [DOWN, RECOVERED])
def test_a_text_message_fits_seventy_characters(code: str, language: str, kind: str) -> None:
    """With any name, of many incidents, down or over; the time is still in it."""
    for node in (
        "bv-uong-bi/hai/lis/a-very-long-name-of-a-disk-that-nobody-can-remember",
        "centre",
    ):
        topic = Topic(incident(code, node=node, closed_ms=NINE + 60_000), kind)
        text = compose([topic] * 12, INVENTORY, language).sms

        assert len(text) <= SMS_LENGTH
        assert text.endswith((" 09:00 +11", " 09:01 +11"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_says_everything(language: str) -> None:
    """What, where, since when, cause, clause, next step, link, number."""
    told = incident("service_down", cause="server", detail={"clause": "TT 13/2025, Điều 5"})
    body = compose([Topic(told, link="http://x/ack/1")], INVENTORY, language).body
    lines = body.splitlines()

    expected = {
        "vi": ["Hệ thống không trả lời.", "Ở đâu: Bệnh viện Uông Bí, Cơ sở hai, lis",
               "Từ lúc: 22/11/2026 09:00:00 (giờ Việt Nam)", "Nguyên nhân: máy chủ"],
        "en": ["The system does not answer.", "Where: Uong Bi Hospital, Second site, lis",
               "Since: 22/11/2026 09:00:00 (Viet Nam time)", "Cause: server"],
    }  # fmt: skip
    assert lines[:4] == expected[language]
    assert lines[4].endswith(": TT 13/2025, Điều 5")
    assert lines[-2].endswith(": http://x/ack/1")
    assert lines[-1].endswith("#7 service_down")


def test_places_have_the_names_people_know() -> None:
    """Hosts, parts, systems, series, providers and the centre."""
    assert [place_of(node, INVENTORY, "vi") for node in (
        "bv-uong-bi", "bv-uong-bi/main/his", "bv-uong-bi/main/his/var/lib",
        "system:bv-uong-bi/emr", "backup:bv-uong-bi/his/db@nas", "provider:cloud", "centre",
        "bv-ha-long/main/his", "gone/main/his",
    )] == [
        "Bệnh viện Uông Bí", "Bệnh viện Uông Bí, Cơ sở chính, Máy chủ HIS",
        "Bệnh viện Uông Bí, Cơ sở chính, Máy chủ HIS, var/lib",
        "Bệnh viện Uông Bí, Bệnh án điện tử", "Bệnh viện Uông Bí, Dữ liệu HIS → nas",
        "Đám mây Y tế", "Trung tâm", "Bệnh viện Hạ Long, his", "gone/main/his",
    ]  # fmt: skip


def test_a_backup_says_why() -> None:
    """Its first reason is the cause, the others follow."""
    told = incident(
        "backup_late", node="backup:bv-uong-bi/his/db@nas", cause="rpo_passed",
        detail={"text": "rpo_passed check_old"},
    )  # fmt: skip
    body = compose([Topic(told)], INVENTORY, "en").body

    assert "\nFurther: " in body
    assert "rpo_passed" not in body


def test_nothing_is_said_in_one_language_only() -> None:
    """Every entry of every table has both, and neither says that somebody complies."""
    pairs = [*CAUSES.values(), *LABELS.values()]
    pairs += [pair for words in WORDS.values() for pair in words]

    assert all(vi.strip() and en.strip() for vi, en in pairs)
    assert not [pair for pair in pairs if "complian" in pair[1] or "tuân thủ" in pair[0]]


def causes() -> set[str]:
    """Every cause that the incident engine gives, as its source says it."""
    found: set[str] = set()
    for path in Path(engine.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for part in _giving_causes(node, path.stem):
                found |= {
                    one.value
                    for one in ast.walk(part)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return {one for one in found if re.fullmatch(r"[a-z]+(_[a-z]+)*", one)} - set(CODES)


def _giving_causes(node: ast.AST, module: str) -> Iterator[ast.AST]:
    """Parts of the source whose strings are causes."""
    match node:
        case ast.Assign(targets=[ast.Name(id="cause"), *_], value=ast.IfExp(body=yes, orelse=no)):
            yield from (yes, no)
        case ast.Assign(targets=[ast.Name(id="cause"), *_], value=ast.Constant() as value):
            yield value
        case ast.Assign(
            targets=[ast.Tuple(elts=[ast.Name(id="cause"), *_])], value=ast.Tuple(elts=[value, *_])
        ):
            yield value
        case ast.keyword(arg="cause", value=ast.Constant() as value):
            yield value
        case ast.Call(func=ast.Name(id="Symptom"), args=[_, _, _, _, ast.Constant() as value, *_]):
            yield value
        case ast.FunctionDef(name="cause_of"):
            yield from (
                one.value
                for one in ast.walk(node)
                if isinstance(one, ast.Return) and isinstance(one.value, ast.Constant | ast.IfExp)
            )
            choices = [one for one in ast.walk(node) if isinstance(one, ast.IfExp)]
            yield from (part for one in choices for part in (one.body, one.orelse))
        case ast.Assign(value=ast.Dict(values=values)) if module == "causes":
            yield from values


def test_every_cause_has_words() -> None:
    """A cause that the engine learns to give is said in words, in both languages."""
    found = causes()

    assert {"power", "link", "host_link", "trend", "power_or_link", "no_site_calls"} <= found
    assert {one for one in found if one not in CAUSES and one not in REASONS} == set()
    for cause in found:
        for language in LANGUAGES:
            assert cause_words(cause, language) != (cause if "_" in cause else "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_and_cause_has_a_next_step(language: str) -> None:
    """Of a backup it is its reason's; a finding of tomorrow has one too."""
    for code in (*CODES, "a_code_of_tomorrow"):
        for cause in (*causes(), ""):
            assert len(step_of(code, cause, language)) > 10
    for reason in REASONS:
        assert step_of("backup_late", reason, language) == REASONS[reason].next_step(language)
