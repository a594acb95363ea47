"""``tramgac-agent doctor lan``: what is slow or wrong on this LAN, where, since when, what to do.

Reads what the agent keeps, beside it; asks nobody and writes nothing.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone

from tramgac_agent.checks.snmp import SnmpSettings
from tramgac_agent.config import Config
from tramgac_agent.host import newest
from tramgac_agent.host.netdev import parse_link, read_attributes
from tramgac_agent.host.newest import Said
from tramgac_agent.snmp.stations import NET
from tramgac_proto.configfile import EXIT_FAILED, EXIT_OK
from tramgac_proto.lanwords import (
    LAN_WORDS,
    LANGUAGES,
    PORT_WORDS,
    PRINTER_ERRORS,
    LanWords,
    say,
)

# Printers are asked every 15 minutes; what is older than three looks is called old.
_OLD_SECONDS = 2_700
# Speed is tested twice a day.
_OLD_TEST_SECONDS = 36 * 3600
_UNKNOWN = LanWords(
    ("Chưa biết", "Not known"),
    ("Chưa biết gì về nơi này.", "Nothing is known of it."),
    ("tác nhân chưa chạy, hoặc chưa hỏi được", "the agent does not run, or has not asked it yet"),
    (
        "Chạy `tramgac-agent doctor`, rồi `tramgac-agent check TÊN --debug`.",
        "Run `tramgac-agent doctor`, then `tramgac-agent check NAME --debug`.",
    ),
)
_NOT_READ = LanWords(
    ("Chưa biết", "Not known"),
    (
        "Không đọc được một phần của thiết bị.",
        "A part of the device could not be read.",
    ),
    (
        "SNMP bị giới hạn, sai mật khẩu, hoặc thiết bị quá chậm",
        "its SNMP is restricted, has another password, or it is too slow",
    ),
    (
        "Cho phép đọc toàn bộ qua SNMP, rồi `tramgac-agent check snmp --debug`.",
        "Let SNMP read all of it, then run `tramgac-agent check snmp --debug`.",
    ),
)
_LIKELY = ("Có thể", "Likely")
_OLD = ("tin cũ", "old news")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or not known.

    Attributes:
        since: Unix seconds; None: not known.
        at: When it was last seen so.
        words: By language: what, cause, step.
    """

    code: str
    where: str
    since: int | None
    at: int | None
    words: dict[str, dict[str, str]]


def _finding(
    code: str,
    where: str,
    word: newest.Word | None,
    detail: str = "",
    unknown: LanWords = _UNKNOWN,
) -> Finding:
    words = LAN_WORDS.get(code, unknown)
    told = {
        language: {
            "what": say(words.what, language),
            "cause": say(PRINTER_ERRORS[detail], language)
            if detail in PRINTER_ERRORS
            else say(words.cause, language),
            "step": say(words.step, language),
        }
        for language in LANGUAGES
    }
    since, at = (None, None) if word is None else (word.since, word.at)
    return Finding(code, where, since, at, told)


def _of_device(said: Said) -> Finding | None:
    """What one value means; None where nothing is wrong by it."""
    value, device = said.word.value, said.device
    if said.name == "port_finding" and value and said.label in PORT_WORDS:
        return _finding(said.label, f"{device} {said.part}", said.word)
    if said.name == "printer_error" and value and said.label in PRINTER_ERRORS:
        return _finding("printer_stuck", device, said.word, said.label)
    # By the value that is bad.
    codes = {
        ("device_up", False): "device_silent",
        ("ups_on_battery", True): "ups_on_battery",
        ("ups_battery_low", True): "ups_battery_low",
        ("ups_battery_replace", True): "ups_battery_bad",
        ("ups_self_test_passed", False): "ups_battery_bad",
    }
    code = codes.get((said.name, bool(value)))
    return None if code is None else _finding(code, device, said.word)


def _not_read(told: list[Said]) -> Iterator[Finding]:
    """Parts of devices that could not be read: nothing found there is no good news."""
    silent = {
        one.device
        for one in told
        if (one.name, bool(one.word.value)) in {("device_up", False), ("printer_asleep", True)}
    }
    for said in told:
        silence = said.label == "timeout" and said.device in silent
        if said.name == newest.POLL and said.word.value and not silence:
            where = f"{said.device} {said.part} ({said.label})"
            yield _finding("not_known", where, said.word, unknown=_NOT_READ)


def _of_path(said: Said) -> Finding | None:
    """A place that is not reached, a speed that was not held."""
    where = f"{said.device} ({said.label})" if said.name == "path_throughput_held" else said.device
    code = {"path_reachable": "path_down", "path_throughput_held": "path_not_held"}.get(said.name)
    floor = said.name != "path_throughput_held" or said.part.startswith("floor")
    return _finding(code, where, said.word) if code and floor and not said.word.value else None


def _of_paths(config: Config) -> Iterator[Finding]:
    """Places and speeds this host tries, of which something was found lately."""
    now = time.time()
    for check, old in (("path", _OLD_SECONDS), ("throughput", _OLD_TEST_SECONDS)):
        settings = config.checks.get(check)
        targets = {one.name for one in getattr(settings, "targets", ())}
        told = [
            one
            for one in newest.read(config.state_dir / "checks" / check)
            if one.device in targets and abs(now - one.word.at) <= old
        ]
        yield from (one for said in told if (one := _of_path(said)) is not None)
        for name in sorted(targets - {one.device for one in told}):
            yield _finding("not_known", f"{check} {name}", None)


def _of_this_host() -> Iterator[Finding]:
    """Its own cards, as they are at this moment."""
    now = int(time.time())
    for path in sorted(NET.iterdir()) if NET.is_dir() else ():
        if parse_link(read_attributes(path)).full_duplex is False:
            yield _finding("half_duplex", path.name, newest.Word(1.0, now, now))


def examine(config: Config) -> list[Finding]:
    """Everything that is wrong on this LAN by what the agent knows; what is not known as well."""
    settings = config.checks.get("snmp")
    devices = settings.devices if isinstance(settings, SnmpSettings) else ()
    declared = {device.name for device in devices}
    told = [
        one for one in newest.read(config.state_dir / "checks" / "snmp") if one.device in declared
    ]
    now = time.time()
    # Who was last heard of long ago may be anything by now.
    # So may who was heard of when the clock was ahead.
    heard = {
        one.device
        for one in told
        if abs(now - one.word.at) <= _OLD_SECONDS and one.name != newest.POLL
    }
    found = [one for said in told if (one := _of_device(said)) is not None]
    unknown = [_finding("not_known", name, None) for name in sorted(declared - heard)]
    return [*_of_this_host(), *found, *unknown, *_not_read(told), *_of_paths(config)]


def _at(unix: int | None) -> str:
    if unix is None:
        return "?"
    return datetime.fromtimestamp(unix, timezone.utc).astimezone().strftime("%Y-%m-%d %H:%M %z")


def _text(one: Finding, now: float) -> Iterator[str]:
    old = one.at is not None and abs(now - one.at) > _OLD_SECONDS
    note = f" ({' / '.join(_OLD)}: {_at(one.at)})" if old else ""
    since = f", {_at(one.since)}" if one.since is not None else ""
    yield f"PROBLEM {one.where}: {one.code}{since}{note}"
    for language in LANGUAGES:
        words = one.words[language]
        likely = say(_LIKELY, language)
        yield f"  {language}: {words['what']} {likely}: {words['cause']}."
        yield f"      -> {words['step']}"


def main(config: Config, *, as_json: bool) -> int:
    """Print what was found; exit code 1 where something is wrong or not known."""
    found = examine(config)
    if as_json:
        text = json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False)
        sys.stdout.write(text + "\n")
    else:
        for one in found:
            sys.stdout.write("\n".join(_text(one, time.time())) + "\n")
        if not found:
            sys.stdout.write(
                "Không thấy gì bất thường ở những gì máy này hỏi và đo.\n"
                "Nothing is wrong in what this host asks and measures.\n"
            )
    return EXIT_FAILED if found else EXIT_OK
