"""A typhoon day, played on the province; what is printed was seen at the centre."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from helpers.mail_sink import MailSink

from demo.history import declare_storm
from demo.inventory import link_of, sketches
from demo.names import CLOUDS
from demo.sizes import Size
from demo.world import World
from tramgac_proto.limits import COLLECTOR_SETTLE_SECONDS

# The story's clock: a minute of the demo is an hour of the day, which begins at this hour.
_FIRST_HOUR = 5
_STORM_HOURS = 30.0
# Until what was wrong before is told: nothing is opened at first, and most is held for a while.
_ANY_DAY_SECONDS = COLLECTOR_SETTLE_SECONDS + 80.0
_MAIL_LINES = 3
_LINE = "tuyen-song-cai"
_CLOUD = CLOUDS[0]
_FLICKER_SECONDS = 20.0
# Sites of one line that fall silent together would be taken for the line.
_APART_SECONDS = 130.0
_TOLD_SECONDS = 240.0
_RETURN_SECONDS = 480.0
_LOOK_SECONDS = 3.0
# A backlog is in when no more waits than on a quiet morning, or half as much again.
_AS_USUAL = 1.5
_PLACE = ("facility", "site")
# Declared hosts: the one that sends nonsense is not of the province.
_CALLING = "sum(tramgac_agent_up and on (facility, site, host) tramgac_host_info)"
# The end of a message is told at the next turn of its group.
_LAST_MAILS_SECONDS = 100.0
_OUTAGES = frozenset({"region_link_down", "provider_down", "site_unreachable", "agent_silent"})


class Day:
    """One day of storm.

    Args:
        world: The province, with its centre.
        size: Of it.
        sink: What people are told arrives here.
    """

    def __init__(self, world: World, size: Size, sink: MailSink) -> None:
        self._world = world
        self._province = world.province
        self._sketches = sketches(size)
        self._sink = sink
        self._began = time.monotonic()
        self._mails = 0
        self._usual = 0.0
        self._open: dict[tuple[str, ...], float] = {}

    def say(self, text: str) -> None:
        """One line with both clocks."""
        passed = time.monotonic() - self._began
        hours, minutes = divmod(round(passed), 60)
        story = f"{(_FIRST_HOUR + hours) % 24:02d}:{minutes:02d}"
        print(f"[{passed:6.1f} s | {story}] {text}", flush=True)

    def play(self) -> None:
        """All acts."""
        self._morning()
        self._warning()
        dark = self._coast()[:3]
        self._flicker()
        self._darken(dark[:1])
        self._cut_line()
        self._pause(_APART_SECONDS - 60)
        self._darken(dark[1:2])
        self._cloud_falls()
        self._pause(_APART_SECONDS - 60)
        self._darken(dark[2:])
        self._await_told(dark)
        self._all_back(dark)

    def _coast(self) -> list[str]:
        return [f"{one.name.id}/co-so-1" for one in self._sketches if one.coastal]

    def _figure(self, expression: str) -> float:
        """The figure now; not a number where nothing is known."""
        found = self._world.query(expression)
        return float(found[0]["value"][1]) if found else math.nan

    def _show(self) -> None:
        """Print what people were told, and what opened or closed, since the last look."""
        while self._mails < len(self._sink.mails):
            self._tell_mail(self._mails)
            self._mails += 1
        if not self._world.query('up{job="tramgac"} == 1'):
            return  # without an answer, nothing has closed
        seen: dict[tuple[str, ...], float] = {
            (one["metric"]["code"], one["metric"]["severity"], _place(one["metric"])): float(
                one["value"][1]
            )
            for one in self._world.query("tramgac_incident_open")
        }
        self._say_changes(seen)
        self._open = seen

    def _say_changes(self, seen: Mapping[tuple[str, ...], float]) -> None:
        keys = sorted(seen.keys() | self._open.keys())
        changes = {key: (self._open.get(key, 0.0), seen.get(key, 0.0)) for key in keys}
        dark = {key[2] for key in seen if key[0] in _OUTAGES}
        worse = {key[2] for key, (old, new) in changes.items() if new > old}
        for key, (old, new) in changes.items():
            if old != new:
                # What is counted no longer need not be over: nobody sees it, or it is now
                # something else.
                place = key[2]
                fewer = "hidden" if place in dark else "turned" if place in worse else "closed"
                word = "open  " if new > old else fewer
                self.say(f"  {word}   {key[0]} ({key[1]}) {place} [{old:g} -> {new:g}]")

    def _tell_mail(self, number: int) -> None:
        mail = self._sink.mails[number]
        lines = [line for line in self._sink.text(number).splitlines() if line.strip()]
        self.say(f"  MAIL     to {mail['to']}: {mail['subject']}")
        for line in lines[:_MAIL_LINES]:
            print(f"{'':22}| {line[:150]}", flush=True)

    def _pause(self, seconds: float) -> None:
        """Let the day go on, and print what is seen meanwhile."""
        self._until(lambda: False, seconds)

    def _until(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            self._show()
            self._world.check()
            if holds():
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(min(_LOOK_SECONDS, max(0.1, deadline - time.monotonic())))

    def _see(self, what: str, expression: str, at_least: float, seconds: float) -> None:
        """Print a figure of Prometheus' once it is what the weather should make of it, or isn't."""
        came = self._until(lambda: self._figure(expression) >= at_least, seconds)
        late = "" if came else f"  (expected {at_least:g} within {seconds:g} s)"
        self._say_seen(what, expression, late)

    def _say_seen(self, what: str, expression: str, more: str = "") -> None:
        figure = self._figure(expression)
        told = "not known" if math.isnan(figure) else f"{figure:g}"
        self.say(f"  seen     {what}: {told}{more}")

    def _morning(self) -> None:
        self.say("A quiet morning")
        hosts = len(self._province.agents)
        self._see("agents that call", _CALLING, hosts, 60)
        whole = "count(tramgac_facility_coverage_ratio == 1)"
        self._see("facilities with every host reporting", whole, len(self._sketches), 60)
        judged = "count(count by (facility) (tramgac_rule_status))"
        self._see("facilities whose rules are judged", judged, len(self._sketches), 120)
        self._say_seen("gaps of rules", "count(tramgac_rule_status == 1)")
        self.say(
            "  wait     in its first two minutes the collector opens nothing; then it tells what is"
        )
        self.say("  wait     wrong on any day: a full disk, an old battery, a failed backup")
        self._pause(_ANY_DAY_SECONDS - (time.monotonic() - self._began))

    def _warning(self) -> None:
        self._usual = self._waits()
        coast = [one.name.id for one in self._sketches if one.coastal]
        self.say("The weather service warns; the ops centre declares storm mode for the coast")
        self.say(f"  said     {declare_storm(self._world.centre, coast, _STORM_HOURS)}")
        series = "count(tramgac_storm_until_timestamp_seconds)"
        self._see("facilities in storm mode", series, len(coast), 30)

    def _flicker(self) -> None:
        coast = self._coast()
        self.say("The mains flicker on the coast")
        self._province.weather.on_battery.update(dict.fromkeys(coast, time.time()))
        self._see("power supplies on battery", "sum(tramgac_ups_on_battery)", len(coast), 90)
        self._pause(_FLICKER_SECONDS)
        for site in coast[4:]:
            self._province.weather.on_battery.pop(site)
        self._pause(_FLICKER_SECONDS)
        low = "round(100 * min(tramgac_ups_battery_charge_ratio))"
        self._say_seen("lowest battery, %", low)

    def _darken(self, sites: Sequence[str]) -> None:
        for site in sites:
            self.say(f"{site} goes dark")
            self._province.power(site, on=False)

    def _line_sites(self) -> list[str]:
        return [
            f"{one.name.id}/co-so-{number + 1}"
            for one in self._sketches
            if link_of(one) == _LINE
            for number in range(one.sites)
        ]

    def _cut_line(self) -> None:
        sites = self._line_sites()
        self.say(f"A tree falls on {_LINE}: {len(sites)} sites hang on it")
        self._province.cut(sites)
        self._pause(60)

    def _hosted(self) -> list[str]:
        return list(
            chain.from_iterable(
                (f"{one.id}/{system.id}" for system in one.systems if system.provider == _CLOUD)
                for one in self._world.inventory.facilities
            )
        )

    def _cloud_falls(self) -> None:
        systems = self._hosted()
        self.say(f"The cloud of {_CLOUD} stands still: {len(systems)} systems run there")
        self._province.weather.down.update(systems)
        self._pause(60)

    def _await_told(self, dark: Sequence[str]) -> None:
        told = {
            "carriers' lines known to be down": ("region_link_down", 1),
            "vendors known to be down": ("provider_down", 1),
            "dark sites": ("site_unreachable", len(dark)),
        }
        for what, (code, least) in told.items():
            expression = f'sum(tramgac_incident_open{{code="{code}"}})'
            self._see(what, expression, least, _TOLD_SECONDS)
        self.say("  wait     dark sites stand on the page; being high and not critical, they wake")
        self.say("  wait     nobody while storm mode holds on the coast")
        self._say_seen("agents that are silent", "count(tramgac_agent_up == 0)")
        self.say(f"  seen     messages a person got so far: {self._mails}")

    def _all_back(self, dark: Sequence[str]) -> None:
        waiting = self._province.waiting()
        self.say(f"The storm is over: power, line and cloud return; agents kept {waiting} records")
        self._province.weather.down.difference_update(self._hosted())
        self._province.weather.on_battery.clear()
        for site in dark:
            self._province.power(site, on=True)
        self._province.heal(self._line_sites())
        self._see("agents that call", _CALLING, len(self._province.agents), 120)
        drained = self._until(lambda: self._waits() < _AS_USUAL * self._usual, 180)
        word = "drained" if drained else "not drained"
        tells = f"{self._waits():g} records wait, {self._usual:g} in the morning"
        self.say(f"  seen     backlog {word}: {tells}")
        self._until(self._no_outage, _RETURN_SECONDS)
        self._pause(_LAST_MAILS_SECONDS)
        self._causes()

    def _waits(self) -> float:
        return self._figure("sum(tramgac_agent_outbox_records)")

    def _no_outage(self) -> bool:
        codes = "region_link_down|provider_down|site_unreachable"
        return not self._world.query(f'tramgac_incident_open{{code=~"{codes}"}}')

    def _causes(self) -> None:
        self.say("What the ledger says of the day's outages")
        listed = json.loads(self._world.collector("incidents", "list", "--all", "--json"))
        texts = [self._sink.text(number) for number in range(len(self._sink.mails))]
        for one in sorted(listed, key=lambda one: one["incident"]):
            if one["code"] in _OUTAGES and not one.get("parent"):
                state = "open" if one["closed_unix_ms"] is None else "over"
                mails = sum(f"#{one['incident']} {one['code']}" in text for text in texts)
                said = f"{one['code']} {one['node']}: {one['cause'] or '-'} ({state})"
                self.say(f"  ledger   {said}; mails of its start and end: {mails}")


def _place(labels: dict[str, Any]) -> str:
    return "/".join(labels[key] for key in _PLACE if labels.get(key)) or "province"
