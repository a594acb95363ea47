"""The figures of a report: plain data in no language, frozen when it is given out.

Times are ms since 1970, lengths ms; None is not known, which is never zero.
"""

import msgspec

FORMAT = 1

Text = dict[str, str]
"""By language."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What all parts share."""


class Cover(Figure, frozen=True, kw_only=True):
    """How much of the time the centre heard a facility's hosts.

    Attributes:
        ratio: Mean share of hosts heard, by time; None where no host is declared.
        full_ms: All hosts were heard; ``part_ms`` some.
        dark_ms: None was, or the centre itself was not at work.
    """

    ratio: float | None
    full_ms: int
    part_ms: int
    dark_ms: int


class Trouble(Figure, frozen=True, kw_only=True):
    """An incident, as known.

    Attributes:
        since_ms: When it began, by the evidence.
        until_ms: When it ended; None: it had not.
        length_ms: Of what lies in the window.
        planned_ms: How much of that lies in planned work.
        first_cause: What was told first, where that was corrected later.
        unknown: Nobody could see any more whether it still held.
        down: What is known to have been down behind it.
    """

    number: int
    node: str
    site: str
    code: str
    severity: str
    cause: str
    first_cause: str
    since_ms: int
    until_ms: int | None
    length_ms: int
    planned_ms: int
    unknown: bool
    down: tuple[str, ...] = ()
    vendor: str = ""


class Outage(Figure, frozen=True, kw_only=True):
    """Outages of one place with one cause, planned work left out.

    Attributes:
        length_ms: Each moment counted once.
    """

    site: str
    code: str
    cause: str
    count: int
    length_ms: int
    longest_ms: int


class Planned(Figure, frozen=True, kw_only=True):
    """Planned work in the window."""

    node: str
    since_ms: int
    until_ms: int
    reason: str


class DrillDone(Figure, frozen=True, kw_only=True):
    """A restore drill that ended in the window.

    Attributes:
        restore_ms: As measured; None where it was not.
    """

    number: int
    kind: str
    result: str
    failure: str
    ended_ms: int
    restore_ms: int | None


class Dataset(Figure, frozen=True, kw_only=True):
    """One dataset on its way to one destination.

    Attributes:
        good_ms: Newest good copy known at the end; None: none is known.
        passed: How often its RPO passed in the window; None: not known.
        passed_ms: For how long altogether, ``longest_ms`` at one time.
        open: It had passed at the end.
        unseen_ms: Time of which nothing is known, as before it was declared.
        state: What the judge says at the end; empty where that cannot be judged again.
        predicted_ms: How long a restore of all of it would take, by the newest full drill.
    """

    series: str
    dataset: Text
    destination: Text
    rpo_ms: int
    rto_ms: int | None
    good_ms: int | None
    passed: int | None
    passed_ms: int
    longest_ms: int
    open: bool
    unseen_ms: int
    state: str = ""
    reason: str = ""
    predicted_ms: int | None = None
    drills: tuple[DrillDone, ...] = ()


class Standing(Figure, frozen=True, kw_only=True):
    """A gap, or a deadline, at the end of the window.

    Attributes:
        status: As the evidence says, whatever lies over it.
        since_ms: Since when it was shown so; None where that is not recorded.
        coverage: Share of what the rule asks about that is known; None where not recorded.
        overlay: ``accepted`` or ``excused``, until ``overlay_ms``; empty where nothing is.
        missing: Papers that would show it.
        due_ms: Of a deadline: the end of its last day.
    """

    rule: str
    status: str
    reason: str
    advisory: bool
    coverage: float | None
    since_ms: int | None
    overlay: str = ""
    overlay_ms: int | None = None
    missing: tuple[str, ...] = ()
    due_ms: int | None = None


class Move(Figure, frozen=True, kw_only=True):
    """A gap that was opened, closed or lost sight of in the window, as it was shown then."""

    rule: str
    at_ms: int
    before: str
    after: str


class Ending(Figure, frozen=True, kw_only=True):
    """A certificate of a system, or a disk, at the end of the window.

    Attributes:
        value: Its end in ms, or the share that is used.
    """

    subject: str
    value: float
    known_ms: int


class Place(Figure, frozen=True, kw_only=True):
    """Everything about one facility.

    Attributes:
        state: ``act``, ``unknown``, ``advisory`` or ``none_observed``.
        troubles: Silence, systems, restarts; ``findings`` disks, clocks, links, certificates.
        more: Incidents that are counted and not listed.
        counts: How many rules have which status at the end.
        unmeasured: Names that rules ask for and nobody measures or declares.
    """

    id: str
    name: Text
    state: str
    cover: Cover
    outages: tuple[Outage, ...] = ()
    planned: tuple[Planned, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    findings: tuple[Trouble, ...] = ()
    more: int = 0
    datasets: tuple[Dataset, ...] = ()
    gaps: tuple[Standing, ...] = ()
    deadlines: tuple[Standing, ...] = ()
    opened: tuple[Move, ...] = ()
    closed: tuple[Move, ...] = ()
    lost: tuple[Move, ...] = ()
    counts: dict[str, int] = {}
    unmeasured: tuple[str, ...] = ()
    certificates: tuple[Ending, ...] = ()
    disks: tuple[Ending, ...] = ()


class Decision(Figure, frozen=True, kw_only=True):
    """Something a person must decide: one line for one cause, however many facilities.

    Attributes:
        code: Of the rule, incident or reason.
        facilities: Ids.
        when_ms: Since when, or until when; the earliest of them.
        advisory: Nobody has compared its text with the source.
    """

    kind: str
    code: str
    facilities: tuple[str, ...]
    when_ms: int | None = None
    advisory: bool = False


class RuleWords(Figure, frozen=True, kw_only=True):
    """A rule or deadline in words, as its pack had them."""

    pack: str
    cite: str
    force: str
    text_status: str
    text: Text
    next: Text


class Amendment(Figure, frozen=True, kw_only=True):
    """A figure of the report before that reads differently now.

    Attributes:
        what: Kind of figure; ``subject`` which one.
        why: ``late_evidence``, ``relabelled``, ``packs_changed`` or ``software_changed``.
    """

    facility: str
    what: str
    subject: str
    field: str
    old: str
    new: str
    why: str


class Figures(Figure, frozen=True, kw_only=True):
    """A whole report.

    Attributes:
        scope: Empty: the province; else a facility.
        work_ms: How long the centre was at work in the window.
        packs: Each with its version.
        inventory: Number of the version in force at the end.
        previous: Number of the report whose figures ``amendments`` corrects.
        judged: ``again`` by what is known, or ``shown``: as it stood on the page then.
    """

    scope: str
    province: Text
    from_day: str
    to_day: str
    since_ms: int
    until_ms: int
    known_ms: int
    software: str
    inventory: int | None
    packs: tuple[str, ...]
    work_ms: int
    judged: str
    places: tuple[Place, ...]
    shared: tuple[Trouble, ...] = ()
    decisions: tuple[Decision, ...] = ()
    rules: dict[str, RuleWords] = {}
    papers: dict[str, Text] = {}
    previous: int | None = None
    amendments: tuple[Amendment, ...] = ()
    more_amendments: int = 0
    format: int = FORMAT
