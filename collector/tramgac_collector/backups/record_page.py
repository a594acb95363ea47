"""The evidence record of a drill as one sheet of paper, Vietnamese with English below."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from tramgac_collector.backups.drill_words import (
    KINDS,
    PROOFS,
    RESULTS,
    STARTED_BY,
    UNKNOWN,
    Both,
    reason,
    said,
)
from tramgac_collector.web.words import VIETNAM

_UNITS = ("byte", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_STEP = 1024
# Below it a figure without decimals would say too little.
_FEW = 10


class Row(NamedTuple):
    """One line: label and value in both languages, a note that needs none."""

    label: Both
    value: Both
    note: str = ""


class Part(NamedTuple):
    """Lines under one heading."""

    title: Both
    rows: tuple[Row, ...]


def grouped(number: int) -> str:
    """Digits in threes, as both languages read them."""
    return f"{number:,}".replace(",", "\u202f")


def size(number: int | None) -> str:
    """A number of bytes without decimals; a dash when it is not known."""
    if number is None:
        return UNKNOWN
    value, unit = number, 0
    while value >= _FEW * _STEP and unit + 1 < len(_UNITS):
        value, unit = value // _STEP, unit + 1
    return f"{grouped(value)} {_UNITS[unit]}"


def span(milliseconds: int) -> str:
    """Hours, minutes and seconds."""
    if 0 < milliseconds < _FEW * 1000:
        return f"{milliseconds / 1000:.3f} s"
    seconds = max(0, milliseconds) // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _moments(at_ms: int | None) -> tuple[str, str]:
    """A moment in Viet Nam and in UTC; a clock may have said anything."""
    if not at_ms:
        return UNKNOWN, ""
    try:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        local = at.astimezone(VIETNAM)
    except (OverflowError, OSError, ValueError):
        return f"{at_ms} ms", ""
    return f"{local:%d/%m/%Y %H:%M:%S}", f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _plain(vi: str, en: str, value: object, note: str = "") -> Row:
    text = UNKNOWN if value is None or value == "" else str(value)
    return Row((vi, en), (text, text), note)


def _when(vi: str, en: str, at_ms: int | None) -> Row:
    local, utc = _moments(at_ms)
    return Row((vi, en), (local, local), utc)


def _name(record: Mapping[str, Any], key: str, fallback: str) -> Both:
    names = record[key]
    return (names["vi"], names["en"]) if names else (fallback, fallback)


def _what(record: Mapping[str, Any]) -> Part:
    dataset, _, destination = str(record["series"]).rpartition("/")[2].partition("@")
    code = record["facility_code"] or ""
    return Part(
        ("Dữ liệu", "Data"),
        (
            Row(
                ("Cơ sở", "Facility"),
                _name(record, "facility_name", record["facility"]),
                f"{record['facility']} · {code}" if code else "",
            ),
            Row(
                ("Máy chủ", "Host"),
                _name(record, "host_name", record["host"]),
                "" if _name(record, "host_name", "")[0] in {"", record["host"]} else record["host"],
            ),
            Row(("Tập dữ liệu", "Dataset"), _name(record, "dataset_name", dataset)),
            Row(("Nơi lưu", "Destination"), _name(record, "destination_name", destination)),
            _plain("Chuỗi sao lưu", "Backup series", record["series"]),
        ),
    )


def _scope(record: Mapping[str, Any]) -> Part:
    files = f"{grouped(record['files'])} / {grouped(record['files_expected'])}"
    of = record["snapshot_bytes"]
    rate = record["bytes_per_second"]
    count = record["proof_count"]
    return Part(
        ("Khôi phục", "Restore"),
        (
            Row(("Loại diễn tập", "Kind"), said(KINDS, record["kind"])),
            _plain("Bản sao", "Snapshot", record["snapshot_id"][:16]),
            _when("Lưu lúc", "Saved at", record["snapshot_unix_ms"]),
            _plain("Số tệp / phải có", "Files / expected", files),
            _plain("Tệp giống hệt tệp gốc", "Same as the live file", grouped(record["files_same"])),
            _plain(
                "Đã khôi phục", "Restored", size(record["bytes"]), f"/ {size(of)}" if of else ""
            ),
            _plain(
                "Thời gian khôi phục",
                "Restore time",
                span(record["restore_ms"]),
                f"{size(rate)}/s" if rate else "",
            ),
            Row(
                ("Phép thử dữ liệu", "Proof"),
                said(PROOFS, record["proof"]),
                f"\u00d7 {grouped(count)}" if count else "",
            ),
        ),
    )


def _when_and_who(record: Mapping[str, Any]) -> Part:
    took = record["ended_unix_ms"] - record["started_unix_ms"]
    tool = f"{record['tool']} {record['tool_version']}".strip()
    return Part(
        ("Thực hiện", "Carried out"),
        (
            _when("Bắt đầu", "Started", record["started_unix_ms"]),
            _when("Kết thúc", "Ended", record["ended_unix_ms"]),
            _plain("Tổng thời gian", "Duration", span(took)),
            Row(("Khởi động bởi", "Started by"), said(STARTED_BY, record["started_by"])),
            _plain("Chạy trên", "Ran on", record["ran_on"]),
            _plain("Công cụ", "Tool", tool),
            _plain("Tác nhân", "Agent", record["agent_id"], record["agent_version"]),
            _when("Trung tâm nhận lúc", "Received by the centre", record["received_unix_ms"]),
        ),
    )


def _why(record: Mapping[str, Any]) -> Both:
    return reason(record["result"], record["failure"], record["kind"])


@cache
def _environment() -> Environment:
    loader = PackageLoader("tramgac_collector.web")
    # Whatever a name holds, it is text on the page.
    return Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _style() -> str:
    source = PackageLoader("tramgac_collector.web", "static")
    return source.get_source(_environment(), "record.css")[0]


def drill_page(record: Mapping[str, Any], stylesheet: str = "") -> str:
    """One A4 page of HTML without script.

    Args:
        record: As ``evidence_of`` makes it.
        stylesheet: Address of ``record.css``; empty: the page carries it.
    """
    return (
        _environment()
        .get_template("drill_record.html")
        .render(
            record=record,
            result=said(RESULTS, record["result"]),
            reason=_why(record),
            parts=(_what(record), _scope(record), _when_and_who(record)),
            stylesheet=stylesheet,
            style="" if stylesheet else _style(),
        )
    )


def drill_text(record: Mapping[str, Any], language: str) -> str:
    """The same for a terminal, in one language."""
    place = 0 if language == "vi" else 1
    result, why = said(RESULTS, record["result"]), _why(record)
    lines = [f"{result[place]}: {why[place]}"]
    for part in (_what(record), _scope(record), _when_and_who(record)):
        lines += ["", part.title[place]]
        lines += [
            f"  {row.label[place]:<24}{row.value[place]}  {row.note}".rstrip() for row in part.rows
        ]
    lines += ["", f"drill {record['drill_id']}", f"sha256 {record['sha256']}"]
    return "\n".join(lines)
