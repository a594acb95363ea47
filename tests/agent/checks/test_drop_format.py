"""The format of drop files: what is written can be read, and the page says all of it."""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from helpers.backup import drop_folder
from helpers.dropping import NOW, RUN, STATE, new_check
from helpers.onecheck import observe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tramgac_agent import drop


def test_what_the_writer_writes_the_reader_takes(tmp_path: Path) -> None:
    """Whatever the umask, the agent's group may read it."""
    folder = drop_folder(tmp_path)
    before = os.umask(0o077)
    try:
        name = drop.write(folder, drop.parse(json.dumps(STATE).encode(), NOW))
    finally:
        os.umask(before)

    assert (folder / name).stat().st_mode & 0o777 == 0o640
    assert len(observe(new_check(), tmp_path)) == 1
    assert list(folder.iterdir()) == []


def test_the_documented_script_works(tmp_path: Path) -> None:
    """What the format's page shows a vendor is taken as a complete run."""
    page = Path(__file__).parents[3] / "docs/formats/drop.md"
    (code,) = re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    folder = drop_folder(tmp_path)
    code = code.replace("/var/lib/tramgac/agent/drop", str(folder))
    code = re.sub(r"pg_dump his >\S+;", "true;", code)
    subprocess.run(["sh", "-eu", "-c", code], check=True)
    (one,) = observe(new_check(), tmp_path)

    assert one.detail is not None
    assert one.detail.outcome == "complete"  # type: ignore[union-attr]


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_content_gets_past_the_reader_unjudged(data: bytes) -> None:
    """Any bytes are either a record or a refusal with a code."""
    with contextlib.suppress(drop.Refused):
        record = drop.parse(data, NOW)
        assert record.objection(NOW) == ""


_KEYS = st.sampled_from([*RUN, *STATE, "bytes", "files", "valid_seconds", "state"])
_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(st.sampled_from([RUN, STATE]), st.dictionaries(_KEYS, _VALUES, max_size=3))
@settings(max_examples=150, deadline=None)
def test_a_damaged_record_never_becomes_a_complete_run_by_accident(
    base: dict[str, Any], damage: dict[str, Any]
) -> None:
    """Complete means exit 0 and an end that is not in the future, whatever was written."""
    try:
        record = drop.parse(json.dumps({**base, **damage}).encode(), NOW)
    except drop.Refused:
        return
    if isinstance(record, drop.BackupRun) and record.outcome == "complete":
        assert record.exit_code == 0
        assert record.ended_unix_ms is not None
        assert record.started_unix_ms <= record.ended_unix_ms <= NOW + 300_000


@pytest.mark.parametrize("kind", get_args(drop.Entry))
def test_every_key_is_documented(kind: type[drop.Entry]) -> None:
    """The page of the format has each key in the table of its kind, and no other."""
    page = (Path(__file__).parents[3] / "docs/formats/drop.md").read_text()
    tag = kind.__struct_config__.tag
    section = page.split(f"### `{tag}`")[1].split("\n#")[0]
    shown = {
        key
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", row)
    }

    assert shown == {"kind", *kind.__struct_fields__}
