"""Who is on duty, and what a wrong roster says."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.telling import MINUTE, NINE, write_roster

from tramgac_collector.notify.pipeline import Incident, Policy
from tramgac_collector.notify.roster import (
    Quiet,
    Target,
    load_roster,
    parse_roster,
    quiet_until,
    rank,
)
from tramgac_collector.notify.settings import NotifySection
from tramgac_proto.configfile import ConfigError

HOUR = 60 * MINUTE
PEOPLE = """
people:
  - {id: an, name: An, channels: [{id: mail, url: "mailto://x"}]}
  - {id: binh, name: Bình, channels: [{id: mail, url: "mailto://x"}]}
  - {id: chi, name: Chi, channels: [{id: mail, url: "mailto://x"}]}
"""
ROSTER = parse_roster(
    PEOPLE
    + """
duty:
  - {people: [an], days: [mon, tue, wed, thu, fri], start: "07:00", end: "17:00"}
  - {people: [binh], days: [sat], start: "22:00", end: "06:00", last: 2026-11-22}
  - {people: [chi], facilities: [bv-uong-bi], days: [sun]}
escalation: [{after_minutes: 30, people: [binh]}]
""",
    "test",
)


@pytest.mark.parametrize(
    ("facility", "hours", "people"),
    [
        ("bv-uong-bi", 0, ["chi"]),  # Sunday 09:00
        ("bv-ha-long", 24, ["an"]),  # Monday 09:00
        ("bv-ha-long", 24 + 8, ["binh"]),  # Monday 17:00, nobody's: the first escalation
        ("bv-ha-long", -10.5, ["binh"]),  # Saturday 22:30
        ("bv-ha-long", -3.5, ["binh"]),  # Sunday 05:30, begun on Saturday
        ("", 0, ["chi"]),  # of the province: whoever is on duty anywhere
    ],
)
def test_duty_follows_the_calendar(facility: str, hours: float, people: list[str]) -> None:
    """Days, hours past midnight, facilities; where nobody is on duty, who comes next."""
    called, _why = ROSTER.called(facility, NINE + int(hours * HOUR))

    assert [one.id for one in called] == people


def test_a_shift_ends_on_its_last_day() -> None:
    """Next Saturday nobody has it any more."""
    assert ROSTER.on_duty("bv-ha-long", NINE + int((7 * 24 - 10.5) * HOUR)) == []


def test_quiet_hours_end_in_the_morning() -> None:
    """Past midnight as well; grave incidents do not wait."""
    quiet = Quiet(start="22:00", end="06:00")
    night = NINE + 14 * HOUR + 5 * MINUTE

    assert quiet_until(quiet, "medium", night) == NINE + 21 * HOUR
    assert quiet_until(quiet, "medium", night + 6 * HOUR) == NINE + 21 * HOUR
    assert quiet_until(quiet, "medium", NINE) is None
    assert quiet_until(quiet, "high", night) is None
    assert rank("a word of tomorrow") == rank("critical")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PEOPLE + "duty: [{people: [dung]}]", "duty: no person `dung`"),
        (PEOPLE + PEOPLE.replace("people:", ""), "people: `an` stands here twice"),
        (PEOPLE + "dutty: []", "unknown field `dutty`"),
        (PEOPLE + 'duty: [{people: [an], start: "7h"}]', "duty[0].start"),
        (PEOPLE.replace("mailto://x", "no address"), "url"),
        (PEOPLE + "escalation: [{after_minutes: 9, people: [an]},{after_minutes: 5, people: [an]}]",
         "each step must come later"),
    ],
)  # fmt: skip
def test_a_wrong_roster_is_refused_by_name(text: str, said: str) -> None:
    """A mistyped key must not silently leave a night without anybody."""
    with pytest.raises(ConfigError) as refused:
        parse_roster(text, "roster.yml")

    assert said in str(refused.value)
    assert str(refused.value).startswith("roster.yml: ")


def test_a_roster_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """It holds passwords."""
    path = Path(write_roster(tmp_path, PEOPLE))
    assert len(load_roster(path).people) == 3
    path.chmod(0o644)

    with pytest.raises(ConfigError, match="chmod 640"):
        load_roster(path)


def test_a_grave_incident_reaches_somebody_whatever_the_channels_carry() -> None:
    """One on duty whose only channel carries less noise must not swallow a silent hospital."""
    roster = parse_roster(
        "people:\n"
        '  - {id: an, name: An, channels: [{id: sms, url: "mailto://x", least: critical}]}\n'
        '  - {id: binh, name: Bình, channels: [{id: mail, url: "mailto://x"}]}\n'
        "duty: [{people: [an]}]\n",
        "roster",
    )
    policy = Policy(NotifySection(), roster)
    incident = Incident(1, "n", "site_unreachable", "f", "s", NINE, "high")

    assert policy.called(incident, NINE) == [Target("binh", "mail")]
    assert policy.called(replace(incident, severity="low"), NINE) == []
    assert policy.called(replace(incident, severity="critical"), NINE) == [Target("an", "sms")]
