"""Made-up zeros of boards: shown while everybody who can know it works, and never else."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from helpers.promboard import questions

_TURN = "tramgac_judge_last_turn_timestamp_seconds"
_REPORTS = {'tramgac_agent_up{host="a"}': "1x40"}
_JUDGED = {
    f'{_TURN}{{part="{part}"}}': "0+30x40" for part in ("IncidentPart", "RulesPart", "facts")
}
_STALLED = _JUDGED | {f'{_TURN}{{part="IncidentPart"}}': "0x40"}
_BLIND = _JUDGED | {f'{_TURN}{{part="facts"}}': "0x40"}
_NO_FAULT = {'tramgac_judge_failures{part="IncidentPart"}': "0x40"}
_SERIES = "tramgac_backup_state"
_CRITICAL = "province: Nghiêm trọng: A"
_BAD = "province: Sao lưu hỏng, chặn, trễ: A"
_FAULTS = "collector: Lượt xét hỏng: A"


def _state(state: str) -> dict[str, str]:
    return {f'{_SERIES}{{facility="a",series="s",state="{state}"}}': "1x40"}


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        (_CRITICAL, _REPORTS | _JUDGED, 0),
        (_CRITICAL, _JUDGED, None),
        (_CRITICAL, {'tramgac_agent_up{host="a"}': "0x40"} | _JUDGED, None),
        (_CRITICAL, _REPORTS | _STALLED, None),
        (_CRITICAL, _REPORTS | _BLIND, None),
        (
            _CRITICAL,
            _STALLED | {'tramgac_incident_open{facility="a",severity="critical"}': "2x40"},
            2,
        ),
        (_FAULTS, _JUDGED | _NO_FAULT, 0),
        (_FAULTS, _STALLED | _NO_FAULT, None),
        (_FAULTS, _STALLED | {'tramgac_judge_failures{part="IncidentPart"}': "3x40"}, 3),
        (_BAD, _state("ok"), 0),
        (_BAD, _state("blind"), None),
        (_BAD, _state("late"), 1),
    ],
)
def test_a_zero_is_known(
    tmp_path: Path, name: str, given: Mapping[str, str], value: int | None
) -> None:
    """A part of the judge that stands still, a blind backup, or nobody who reports: no zero."""
    (asked,) = [one for one in questions(name.partition(":")[0]) if one.name == name]
    test = {
        "interval": "30s",
        "input_series": [{"series": key, "values": values} for key, values in given.items()],
        "promql_expr_test": [
            {
                "expr": asked.expr, "eval_time": "10m",
                "exp_samples": [] if value is None else [{"labels": "{}", "value": value}],
            }
        ],
    }  # fmt: skip
    path = tmp_path / "zeros.yml"
    path.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}), encoding="utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", path.name], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
