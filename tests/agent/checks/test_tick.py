"""Tick: after any death, file and what was handed over agree."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.onecheck import observe, samples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tramgac_agent.checks.base import CheckFailed, CheckSettings
from tramgac_agent.checks.tick import TickCheck

CASES = Path(__file__).parent / "cases" / "tick"
# Ticks as fast as it can; a line on stdout stands for "the outbox has it".
LIFE = """
import os, sys
from pathlib import Path
from helpers.onecheck import observe
from tramgac_agent.checks.base import CheckSettings
from tramgac_agent.checks.tick import TickCheck

check = TickCheck(CheckSettings())
while True:
    for one in observe(check, Path(sys.argv[1])):
        os.write(1, one.token.encode() + b"\\n")
"""


def tick_once(folder: Path) -> list[int]:
    seen = observe(TickCheck(CheckSettings()), folder)
    assert [float(one.token) for one in seen] == [sample.value for sample in samples(seen)]
    assert all(one.event for one in seen)
    return [int(one.token) for one in seen]


def numbers(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "ticks").read_text().splitlines()]


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_whatever_the_last_life_left_is_repaired(case: str, tmp_path: Path) -> None:
    """The last whole number is handed again and the next follows; torn bytes are gone."""
    shutil.copy(CASES / case / "ticks", tmp_path)
    expected = json.loads((CASES / case / "expected.json").read_text())

    assert tick_once(tmp_path) == expected["handed"]
    kept = (CASES / case / "ticks").read_bytes()[: expected["kept"]]
    assert (tmp_path / "ticks").read_bytes() == kept + b"%d\n" % expected["handed"][-1]


def test_numbers_go_up_by_one_and_repeat_only_after_a_start(tmp_path: Path) -> None:
    """A running agent hands over each number once."""
    check = TickCheck(CheckSettings())
    first = [one.token for _ in range(3) for one in observe(check, tmp_path)]

    assert first == ["1", "2", "3"]
    assert tick_once(tmp_path) == [3, 4]
    assert numbers(tmp_path) == [1, 2, 3, 4]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 3000), st.binary(max_size=40))
def test_no_rubbish_behind_the_numbers_is_taken_for_one(
    tmp_path: Path, last: int, rubbish: bytes
) -> None:
    """Only whole lines count, wherever the tail begins."""
    whole = b"".join(b"%d\n" % number for number in range(1, last + 1))
    torn = rubbish.replace(b"\n", b"\0")
    (tmp_path / "ticks").write_bytes(whole + torn)

    assert tick_once(tmp_path) == [last, last + 1]
    assert (tmp_path / "ticks").read_bytes() == whole + b"%d\n" % (last + 1)


def test_killed_at_random_every_number_is_handed_over(tmp_path: Path) -> None:
    """After ten SIGKILLs the tokens handed over are exactly the numbers in the file."""
    tests = Path(__file__).parents[2]
    chance = random.Random(20)
    handed: list[str] = []
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", LIFE, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(tests)},
        ) as agent:
            assert agent.stdout is not None
            handed.append(agent.stdout.readline())
            time.sleep(chance.random() / 50)
            agent.send_signal(signal.SIGKILL)
            handed += agent.stdout.readlines()
    handed += [f"{number}\n" for number in tick_once(tmp_path)]

    found = numbers(tmp_path)
    assert {int(token) for token in handed} == set(found)
    assert found == list(range(1, len(found) + 1))
    assert len(found) > 10


def test_what_the_outbox_did_not_take_is_handed_over_again(tmp_path: Path) -> None:
    """A refusal or a missed deadline loses no number; one that lasts stops the count."""
    check = TickCheck(CheckSettings())
    lengths = [len(observe(check, tmp_path, stored=False)) for _ in range(502)]
    caught_up = observe(check, tmp_path)

    assert lengths == [*range(1, 501), 500, 500]
    assert [int(one.token) for one in caught_up] == numbers(tmp_path) == list(range(1, 501))
    assert [one.token for one in observe(check, tmp_path)] == ["501"]


def test_a_file_that_cannot_be_written_is_a_failure_and_loses_nothing(tmp_path: Path) -> None:
    """No number is handed over that is not on the disk; afterwards the count goes on."""
    check = TickCheck(CheckSettings())
    observe(check, tmp_path)
    (tmp_path / "ticks").rename(tmp_path / "aside")
    (tmp_path / "ticks").mkdir()
    with pytest.raises(CheckFailed, match="tick_file_unwritable"):
        observe(check, tmp_path)
    (tmp_path / "ticks").rmdir()
    (tmp_path / "aside").rename(tmp_path / "ticks")

    assert [one.token for one in observe(check, tmp_path)] == ["1", "2"]
