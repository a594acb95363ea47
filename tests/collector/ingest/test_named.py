"""Names on the page of a running ingest process: there at once, gone at once, as are plans."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from helpers.ingesting import Running, make_config, running_ingest
from helpers.ingesting import run as run_loop

from tramgac_collector.__main__ import COMMANDS
from tramgac_collector.web.words import VIETNAM
from tramgac_proto.commandline import run

INVENTORY = """
facilities:
  - id: bv-0000
    code: "1"
    name: {vi: Bệnh viện Một, en: First Hospital}
    sites: [{id: main, hosts: [{id: sim-00000}], devices: [{id: ups-1, kind: ups}]}]
    datasets:
      - {id: db, host: sim-00000, rpo_hours: 24, rto_hours: 4, destinations: [{id: nas}]}
"""
MAIN = 'facility="bv-0000",host="sim-00000"'
BACKUP = f'{MAIN},series="bv-0000/sim-00000/db@nas",site="main"'


async def command(root: Path, *words: str) -> None:
    """As an administrator on the same machine runs it, in a thread of its own."""
    asked = [*words, "--config", str(root / "collector.toml")]
    assert await asyncio.to_thread(run, "tramgac-collector", COMMANDS, asked) == 0


def lines(centre: Running, *words: str) -> list[str]:
    """Lines of families with one of these words in their names."""
    names = tuple(f"tramgac_{word}" for word in words)
    return sorted(line for line in centre.page().splitlines() if line.startswith(names))


def prepare(root: Path) -> None:
    """An inventory, and a configuration for commands."""
    (root / "inventory.yml").write_text(INVENTORY)
    (root / "collector.toml").write_text(f'[collector]\nstate_dir = "{root}/state"\n')


def test_names_follow_the_inventory(tmp_path: Path) -> None:
    """From the first scrape on; an import renames and removes, with what was asked of backups."""
    prepare(tmp_path)

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            names = 'name_en="First Hospital",name_vi="Bệnh viện Một"'
            assert lines(centre, "facility_info", "backup_rpo", "backup_rto") == [
                f"tramgac_backup_rpo_seconds{{{BACKUP}}} 86400.0",
                f"tramgac_backup_rto_seconds{{{BACKUP}}} 14400.0",
                f'tramgac_facility_info{{code="1",facility="bv-0000",{names}}} 1.0',
            ]
            assert len(lines(centre, "host_info")) == 2
            await centre.agent().report()
            version = f'tramgac_agent_info{{{MAIN},site="main",version="0.1.0"}} 1.0'
            assert lines(centre, "agent_info") == [version]

            new = tmp_path / "new.yml"
            new.write_text(
                INVENTORY.replace("Bệnh viện Một", "Bệnh viện Hai").partition(", devices")[0] + "}]"
            )
            await command(tmp_path, "inventory", "import", "--file", str(new))
            await centre.ingest.housekeeping.second()
            assert len(lines(centre, "host_info")) == 1
            assert "Bệnh viện Một" not in centre.page()
            assert "Bệnh viện Hai" in centre.page()
            assert lines(centre, "backup_rpo", "backup_rto") == []

        async with running_ingest(make_config(tmp_path)) as centre:
            assert lines(centre, "agent_info") == [version]

    run_loop(main)


def test_what_people_enter_is_shown_until_they_end_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the commands, to the page, and off it again."""
    prepare(tmp_path)
    tomorrow = datetime.now(VIETNAM) + timedelta(days=1)
    storm = ("--to", tomorrow.date().isoformat(), "--cite", "1/CV", "--reason", "r", "--by", "b")

    async def main() -> None:
        async with running_ingest(make_config(tmp_path)) as centre:
            keeping = centre.ingest.housekeeping
            await command(tmp_path, "maintenance", "add", "bv-0000/main", "--reason", "ups")
            await command(tmp_path, "rules", "storm", "start", "--facility", "bv-0000", *storm)
            await keeping.publish()
            (calm,) = lines(centre, "storm_until")
            assert calm.startswith('tramgac_storm_until_timestamp_seconds{facility="bv-0000"} 1.')
            (work,) = lines(centre, "maintenance_until")
            assert work.startswith(
                'tramgac_maintenance_until_timestamp_seconds{facility="bv-0000",site="main"} 1.'
            )
            await command(tmp_path, "maintenance", "end", "1")
            await command(tmp_path, "rules", "storm", "end", "1", *storm[-4:])
            await keeping.publish()
            assert lines(centre, "maintenance_until", "storm_until") == []
            # No verdict is there, so no rule is named.
            assert lines(centre, "rule_") == []

    run_loop(main)
    assert "maintenance 1: over" in capsys.readouterr().out
