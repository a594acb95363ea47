"""The examples of docs/notify.md work as written."""

import re
import subprocess
import tomllib
from pathlib import Path

from tramgac_collector.notify.roster import parse_roster
from tramgac_collector.notify.settings import NotifySection
from tramgac_proto.configfile import convert

PAGE = (Path(__file__).parents[3] / "docs/notify.md").read_text()


def block(language: str, number: int = 0) -> str:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return found[number]


def test_the_settings_are_all_there_with_their_defaults() -> None:
    """Every key is shown, with the value it has when it is left out."""
    shown = tomllib.loads(block("toml"))["notify"]
    convert(shown, NotifySection, "docs")

    assert set(shown) == set(NotifySection.__struct_fields__)
    for name in set(shown) - {"urls"}:
        assert shown[name] == getattr(NotifySection(), name) or not shown[name]


def test_the_roster_can_be_used() -> None:
    """People, duty, escalation."""
    roster = parse_roster(block("yaml"), "docs")

    assert [one.id for one in roster.people] == ["an", "binh"]
    assert len(roster.duty) == 3


def test_alertmanager_takes_the_routes(tmp_path: Path) -> None:
    """Its own tool says so."""
    path = tmp_path / "alertmanager.yml"
    path.write_text(block("yaml", 1))
    done = subprocess.run(
        ["amtool", "check-config", str(path)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
