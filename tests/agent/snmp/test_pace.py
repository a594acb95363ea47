"""How often a device may be asked, whatever its settings say."""

from pathlib import Path

import pytest
from helpers.snmpcase import device

from tramgac_agent.snmp.asking import Turns
from tramgac_agent.snmp.families import FAMILIES, load
from tramgac_agent.snmp.session import Engines


@pytest.mark.parametrize("kind", sorted(FAMILIES))
def test_no_setting_makes_a_device_walk_its_tables_all_the_time(kind: str, tmp_path: Path) -> None:
    """No poll comes more often than six times its own pace; slower is always allowed."""
    turns = Turns(device(kind, interval_seconds=1), Engines(), tmp_path)
    for poll in load(kind).polls:
        assert turns.interval(poll) >= max(10, poll.interval_seconds / 6 - 1e-9)
    slow = Turns(device(kind, interval_seconds=7200), Engines(), tmp_path)
    assert {slow.interval(poll) for poll in load(kind).polls} == {7200}
