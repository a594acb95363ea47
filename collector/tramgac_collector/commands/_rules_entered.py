"""What people lay beside results: accepted gaps, excuses, tailored numbers, storms."""

import argparse
import getpass
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from tramgac_collector.commands._rules import in_force
from tramgac_collector.commands._store import row_number
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.identity.register import note
from tramgac_collector.rules.engine import day_of
from tramgac_collector.rules.overlays import MOST_DAYS, Overlays
from tramgac_collector.rules.province import library_of, withdraw
from tramgac_collector.rules.storm import MOST_FACILITIES, box_fault, read_storms, spelled
from tramgac_collector.rules.tailoring import bounds, fault, read_tailorings, tailorable
from tramgac_collector.store import schema
from tramgac_collector.store.engine import bump_generation
from tramgac_collector.web.words import VIETNAM, day, moment
from tramgac_proto.commandline import CommandFailed, UsageFailed

_DAY_MS = 86_400_000
_MOST_LISTED = 5_000


def add_arguments(actions: Any) -> list[argparse.ArgumentParser]:  # noqa: ANN401 - argparse has no public name for it
    """Declare the commands; returns those that do something."""
    accept = actions.add_parser("accept", help="note a gap its owner accepts, with a way out")
    accept.add_argument("--compensation", required=True, help="what limits the harm meanwhile")
    accept.add_argument("--due", required=True, type=date.fromisoformat, help="day it is mended by")
    _decided(accept, "the owner's representative, not the operator")
    accept.add_argument("--until", required=True, type=_ends, help="12 months at most")
    excuse = actions.add_parser("excuse", help="note a window in which a law itself excuses")
    excuse.add_argument("--cite", required=True, help="where the law says so")
    excuse.add_argument("--from", dest="since", required=True, type=_begins)
    excuse.add_argument("--to", dest="until", required=True, type=_ends)
    excuse.add_argument("--proof", required=True, help="how the window was measured")
    excuse.add_argument("--notified", required=True, help="who was told, when, under which number")
    for one in (accept, excuse):
        one.add_argument("facility")
        one.add_argument("rule")
    taking = actions.add_parser("withdraw", help="take a pack of your own out of force")
    taking.add_argument("pack")
    _decided(taking, "who decided it")
    lists = [
        *_listed(actions, "acceptances", "gaps that were accepted"),
        *_listed(actions, "excuses", "windows in which a law excuses"),
    ]
    return [accept, excuse, taking, *lists, *_tailor(actions), *_storm(actions)]


def _decided(parser: argparse.ArgumentParser, who: str) -> None:
    parser.add_argument("--reason", required=True)
    parser.add_argument("--by", required=True, help=who)


def _listed(actions: Any, name: str, text: str) -> list[argparse.ArgumentParser]:  # noqa: ANN401 - see above
    deeds = actions.add_parser(name, help=text).add_subparsers(dest="deed", required=True)
    return _list_and_revoke(deeds)


def _list_and_revoke(deeds: Any) -> list[argparse.ArgumentParser]:  # noqa: ANN401 - see above
    listing = deeds.add_parser("list", help="all of them, those that are over too")
    listing.add_argument("--facility", default="", help="only this one, by id")
    revoke = deeds.add_parser("revoke", help="take one back; it stays on record")
    revoke.add_argument("number", type=row_number)
    _decided(revoke, "who decided it")
    return [listing, revoke]


def _tailor(actions: Any) -> list[argparse.ArgumentParser]:  # noqa: ANN401 - see above
    text = "a facility's own number where a pack leaves it one"
    deeds = actions.add_parser("tailor", help=text).add_subparsers(dest="deed", required=True)
    setting = deeds.add_parser("set", help="set a number for a while")
    for name in ("facility", "rule", "param", "value"):
        setting.add_argument(name)
    _decided(setting, "who decided it for the facility")
    setting.add_argument("--until", required=True, type=_ends, help="12 months at most")
    known = deeds.add_parser("known", help="numbers that packs leave to facilities")
    return [setting, known, *_list_and_revoke(deeds)]


def _storm(actions: Any) -> list[argparse.ArgumentParser]:  # noqa: ANN401 - see above
    text = "quiet pages of some facilities in a storm or flood; results stay as they are"
    deeds = actions.add_parser("storm", help=text).add_subparsers(dest="deed", required=True)
    start = deeds.add_parser("start", help="declare one, for 14 days at most")
    start.add_argument("--facility", required=True, action="append", help="an id; may be repeated")
    start.add_argument("--from", dest="since", type=_begins, help="now if it is left out")
    start.add_argument("--to", dest="until", required=True, type=_ends)
    start.add_argument("--cite", required=True, help="the order or notice it rests on")
    end = deeds.add_parser("end", help="end one before its time")
    end.add_argument("number", type=row_number)
    for one in (start, end):
        _decided(one, "who decided it at the centre")
    listing = deeds.add_parser("list", help="all of them, those that are over too")
    listing.add_argument("--facility", default="", help="only this one, by id")
    return [start, end, listing]


def _begins(text: str) -> int:
    """A moment in ms; a day alone means its beginning."""
    return _at(text, 0)


def _ends(text: str) -> int:
    """A moment in ms; a day alone means its end."""
    return _at(text, 1)


def _at(text: str, days: int) -> int:
    if "T" in text or " " in text:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=VIETNAM)
        return round(at.timestamp() * 1000)
    begin = datetime.combine(date.fromisoformat(text), time(), VIETNAM)
    # Not by dates: there is none after 9999-12-31, which people write for "for ever".
    return round(begin.timestamp() * 1000) + days * _DAY_MS


def _known(connection: Connection, facility: str, rule: str = "") -> None:
    if rule and library_of(connection).find(rule) is None:
        raise CommandFailed(f"no rule `{rule}`; `rules list` names them")
    if in_force(connection).facility(facility) is None:
        raise CommandFailed(f"no facility `{facility}` in the inventory")


def _a_year_at_most(until_ms: int, now_ms: int) -> None:
    if not now_ms < until_ms <= now_ms + MOST_DAYS * _DAY_MS:
        raise CommandFailed("--until must lie ahead, and at most 12 months")


def _in_order(due: date, until_ms: int, now_ms: int) -> None:
    """Refuse a day of mending that is over, or later than anybody accepts the gap."""
    today, last = day_of(now_ms), day_of(until_ms - 1)
    if not today <= due <= last:
        raise UsageFailed(f"--due {due}: name a day from {today} to {last}, the end of --until")


def _window(since_ms: int, until_ms: int, now_ms: int) -> None:
    """Refuse a window that nobody can have measured, or that would excuse for ever."""
    if until_ms <= since_ms:
        raise CommandFailed("--to must be later than --from")
    if max(until_ms - since_ms, until_ms - now_ms) > MOST_DAYS * _DAY_MS:
        raise CommandFailed("--to: at most 12 months after --from, and 12 months ahead")


def _actor() -> str:
    return f"cli:{getpass.getuser()}"[:64]


def _enter(connection: Connection, table: Table, now_ms: int, **values: object) -> int:
    entered = {"entered_ms": now_ms, "entered_by": _actor()}
    done = connection.execute(insert(table).values(**values, **entered))
    return int(done.inserted_primary_key[0]) if done.inserted_primary_key else 0


def _noted(
    connection: Connection, args: argparse.Namespace, what: tuple[str, str], text: str
) -> None:
    """Into the audit trail, and to whoever follows changes."""
    action, subject = what
    by = f"; {args.by}: {args.reason}" if "by" in args else ""
    note(connection, wall_ms(), (_actor(), action, subject), f"{text}{by}")
    bump_generation(connection)


def _accept(connection: Connection, args: argparse.Namespace) -> str:
    _known(connection, args.facility, args.rule)
    now = wall_ms()
    _a_year_at_most(args.until, now)
    _in_order(args.due, args.until, now)
    number = _enter(
        connection,
        schema.acceptances,
        now,
        facility=args.facility,
        rule=args.rule,
        reason=args.reason[:2000],
        accepted_by=args.by[:200],
        compensation=args.compensation[:2000],
        due_on=args.due,
        from_ms=now,
        expires_ms=args.until,
    )
    return _laid(connection, args, number, "gap_accepted", f"accepted until {day(args.until - 1)}")


def _excuse(connection: Connection, args: argparse.Namespace) -> str:
    _known(connection, args.facility, args.rule)
    now = wall_ms()
    _window(args.since, args.until, now)
    number = _enter(
        connection,
        schema.excuses,
        now,
        facility=args.facility,
        rule=args.rule,
        citation=args.cite[:200],
        from_ms=args.since,
        until_ms=args.until,
        proof=args.proof[:2000],
        notified=args.notified[:2000],
    )
    window = f"excused from {moment(args.since)} to {moment(args.until)}"
    return _laid(connection, args, number, "gap_excused", window)


def _laid(
    connection: Connection, args: argparse.Namespace, number: int, action: str, what: str
) -> str:
    subject = f"{args.facility} {args.rule}"
    _noted(connection, args, (action, subject), f"#{number} {what}")
    if args.json:
        told = {"facility": args.facility, "rule": args.rule, "number": number, "entered": what}
        return json.dumps(told)
    return f"#{number}: {subject}: {what}; the status beneath stays as it is"


def _tailor_set(connection: Connection, args: argparse.Namespace) -> str:
    _known(connection, args.facility, args.rule)
    now = wall_ms()
    _a_year_at_most(args.until, now)
    told = fault(library_of(connection), args.rule, args.param, args.value)
    if told:
        raise CommandFailed(told)
    number = _enter(
        connection,
        schema.tailorings,
        now,
        facility=args.facility,
        rule=args.rule,
        param=args.param,
        value=args.value,
        reason=args.reason[:2000],
        decided_by=args.by[:200],
        from_ms=now,
        until_ms=args.until,
    )
    what = f"{args.param} = {args.value} until {day(args.until - 1)}"
    _noted(connection, args, ("rule_tailored", f"{args.facility} {args.rule}"), f"#{number} {what}")
    if args.json:
        return json.dumps({"number": number, "param": args.param, "value": args.value})
    return f"#{number}: {args.facility} {args.rule}: {what}; it is told beside each result"


def _tailor_known(connection: Connection, args: argparse.Namespace) -> str:
    rows = []
    for pack, rule, name, param in tailorable(library_of(connection)):
        least, most = bounds(param)
        rows.append(
            {
                "pack": pack.pack.id,
                "rule": rule.id,
                "param": name,
                "value": param.value,
                "least": least,
                "most": most,
            }
        )
    if args.json:
        return json.dumps(rows)
    return "\n".join(
        f"{one['rule']:<38}{one['param']:<12}{one['value']:<10}{one['least']:g} to {one['most']:g}"
        for one in rows
    )


def _storm_start(connection: Connection, args: argparse.Namespace) -> str:
    now = wall_ms()
    since = now if args.since is None else args.since
    names = sorted(set(args.facility))
    if len(names) > MOST_FACILITIES:
        raise CommandFailed(f"{MOST_FACILITIES} facilities at most")
    for name in names:
        _known(connection, name)
    told = box_fault(since, args.until, now)
    if told:
        raise CommandFailed(told)
    number = _enter(
        connection,
        schema.storms,
        now,
        facilities=spelled(names),
        reason=args.reason[:2000],
        decided_by=args.by[:200],
        citation=args.cite[:200],
        from_ms=since,
        until_ms=args.until,
    )
    window = f"from {moment(since)} to {moment(args.until)}"
    said = f"{window}, {args.cite[:100]}: {', '.join(names)}"
    _noted(connection, args, ("storm_declared", f"storm {number}"), said)
    if args.json:
        return json.dumps({"number": number, "facilities": names, "until_ms": args.until})
    return f"#{number}: pages of {len(names)} facilities rest {window}; results stay as they are"


def _storm_end(connection: Connection, args: argparse.Namespace) -> str:
    now, table = wall_ms(), schema.storms
    here = (table.c.id == args.number) & table.c.ended_ms.is_(None) & (table.c.until_ms > now)
    if not connection.execute(update(table).where(here).values(ended_ms=now)).rowcount:
        raise CommandFailed(f"no storm #{args.number} that goes on; `rules storm list` names them")
    _noted(connection, args, ("storm_ended", f"storm {args.number}"), "ended before its time")
    return json.dumps({"number": args.number}) if args.json else f"#{args.number}: ended"


def _withdraw(connection: Connection, args: argparse.Namespace) -> str:
    if not withdraw(connection, args.pack, wall_ms()):
        raise CommandFailed(f"no pack `{args.pack}` of your own is in force; `rules list`")
    _noted(connection, args, ("pack_withdrawn", args.pack), "taken out of force")
    return json.dumps({"pack": args.pack}) if args.json else f"{args.pack}: out of force"


_TABLES: Mapping[str, Table] = {
    "acceptances": schema.acceptances,
    "excuses": schema.excuses,
    "tailor": schema.tailorings,
}
_REVOKED = {
    "acceptances": "acceptance_revoked",
    "excuses": "excuse_revoked",
    "tailor": "tailoring_revoked",
}


def _revoke(connection: Connection, args: argparse.Namespace) -> str:
    table = _TABLES[args.action]
    here = (table.c.id == args.number) & table.c.revoked_ms.is_(None)
    row = connection.execute(select(table.c.facility, table.c.rule).where(here)).one_or_none()
    if row is None:
        raise CommandFailed(f"no #{args.number} that stands; `rules {args.action} list` names them")
    connection.execute(update(table).where(here).values(revoked_ms=wall_ms()))
    subject = f"{row.facility} {row.rule}"
    _noted(connection, args, (_REVOKED[args.action], subject), f"#{args.number} taken back")
    return json.dumps({"number": args.number}) if args.json else f"#{args.number}: taken back"


def _list(connection: Connection, args: argparse.Namespace) -> str:
    overlays = Overlays.read(connection)
    every: Mapping[str, Sequence[Any]] = {
        "acceptances": overlays.acceptances,
        "excuses": overlays.excuses,
        "tailor": read_tailorings(connection) if args.action == "tailor" else (),
        "storm": read_storms(connection) if args.action == "storm" else (),
    }
    now = wall_ms()
    rows = [_dict(one, now) for one in every[args.action]]
    if args.facility:
        rows = [
            one for one in rows if args.facility in (one.get("facilities") or [one["facility"]])
        ]
    rows = rows[-_MOST_LISTED:]
    if args.json:
        return json.dumps(rows, ensure_ascii=False)
    return "\n".join(map(_row, rows)) or "-"


def _dict(one: Any, now_ms: int) -> dict[str, Any]:  # noqa: ANN401 - any of the four
    told = {"holds": one.holds(now_ms), **one._asdict()}
    if "due_on" in told:
        told["due_on"] = told["due_on"].isoformat()
    if "facilities" in told:
        told["facilities"] = sorted(told["facilities"])
    return told


def _row(one: Mapping[str, Any]) -> str:
    until = one.get("expires_ms") or one["until_ms"]
    about = " ".join(one.get("facilities") or [one["facility"], one["rule"]])
    value = f"  {one['param']} = {one['value']}" if "param" in one else ""
    who = one.get("accepted_by") or one.get("decided_by") or one.get("citation")
    back = one.get("revoked_ms") or one.get("ended_ms")
    state = "in force" if one["holds"] else f"taken back {moment(back)}" if back else "over"
    window = f"{moment(one['from_ms'])} - {moment(until)}"
    return f"#{one['id']:<5}{about}{value}  {window}  {state}  ({who})"


CHANGING: Mapping[str, Callable[[Connection, argparse.Namespace], str]] = {
    "accept": _accept,
    "excuse": _excuse,
    "withdraw": _withdraw,
    "acceptances revoke": _revoke,
    "excuses revoke": _revoke,
    "tailor set": _tailor_set,
    "tailor revoke": _revoke,
    "storm start": _storm_start,
    "storm end": _storm_end,
}
READING: Mapping[str, Callable[[Connection, argparse.Namespace], str]] = {
    "acceptances list": _list,
    "excuses list": _list,
    "tailor list": _list,
    "tailor known": _tailor_known,
    "storm list": _list,
}
