"""A rule pack's tree: citations, both languages, what decides, fixtures. Strict, data only."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from tramgac_collector.inventory.strictyaml import StrictYamlError, parse, read_text
from tramgac_collector.rules.status import Status
from tramgac_proto.configfile import ConfigError

LegalForce = Literal[
    "binding",
    "binding_via",
    "guidance",
    "plan_target",
    "voluntary",
    "draft",
    "product_default",
    "historic",
]
# official: a named person compared it with the gazette; seen_copy: we read a copy of it;
# secondary: somebody who read it says so; memory: nobody looked.
TextStatus = Literal["official", "seen_copy", "secondary", "memory"]
EvidenceKind = Literal["measured", "inferred", "attested", "document", "out_of_reach"]
Each = Literal["facility", "site", "host", "system", "dataset", "path", "port", "device"]
Severity = Literal["info", "low", "medium", "high"]

PackId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9]*(\.[a-z0-9_]+)*$", max_length=64)]
RuleId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$", max_length=96)]
Version = Annotated[str, msgspec.Meta(pattern=r"^\d+\.\d+\.\d+$", max_length=16)]
Expression = Annotated[str, msgspec.Meta(max_length=1000)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Level = Annotated[int, msgspec.Meta(ge=1, le=7)]


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything in the tree."""


class Text(Node, frozen=True, kw_only=True):
    """The same thing in both languages, in our own words."""

    vi: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    en: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class InForce(Node, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """From which day on, and to which, a document holds; both included."""

    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Whether it holds on ``day``."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )


class Cite(Node, frozen=True, kw_only=True):
    """Where a requirement stands."""

    doc: Annotated[str, msgspec.Meta(min_length=1)]
    article: str = ""
    clause: str = ""
    point: str = ""
    row: str = ""

    def __str__(self) -> str:
        """One line."""
        return ", ".join(
            part for part in (self.doc, self.article, self.clause, self.point, self.row) if part
        )


class Param(Node, frozen=True, kw_only=True, rename={"source": "from"}):
    """A number a rule compares with.

    Attributes:
        value: A literal of the expression language.
        source: Attribute it is taken from where the facility declares it; ``value`` else.
        by_level: Instead of ``value`` at these declared levels.
        tailorable: A facility may set its own, between ``least`` and ``most`` where they are
            named, else within four times more or less.
        product: The number is ours; no document has it.
    """

    value: Expression = ""
    source: str = ""
    by_level: dict[str, Expression] = {}
    tailorable: bool = False
    least: Expression = ""
    most: Expression = ""
    product: bool = False


class Hysteresis(Node, frozen=True, kw_only=True):
    """How long something must be bad before it is a gap, and good before it is none."""

    kind: Literal["none", "state", "performance", "age", "coverage"] = "none"


class Fixture(Node, frozen=True, kw_only=True):
    """A case that is shipped and run with the pack.

    Attributes:
        facts: By name: a number, text, truth value, or a duration such as ``20h``.
        subjects: Several subjects instead of one, each with facts of its own.
        given: Attributes and parameters.
        ages: How long ago a name in ``facts`` was so; an hour if not said.
        stale: Names in ``facts`` that are past their expiry.
        on: Day it is judged; today if none.
    """

    name: Annotated[str, msgspec.Meta(min_length=1)]
    facts: dict[str, str | float | bool] = {}
    subjects: tuple[dict[str, str | float | bool], ...] = ()
    given: dict[str, str | float | bool] = {}
    ages: dict[str, Expression] = {}
    stale: tuple[str, ...] = ()
    on: date | None = None
    expect: Status


class Rule(Node, frozen=True, kw_only=True):
    """One requirement.

    Attributes:
        text: What is required; ``next`` what to do about a gap.
        each: What the rule is asked of; ``where`` narrows it.
        levels: Declared levels at which it applies; empty for every level.
        applies_if: Over attributes of facility and subject; unknown is not "no".
        needs: Names that must all be known and fresh for a pass.
        refute: True for a subject: a gap, whatever else is known.
        decide: True for a subject (or, with a quantifier, for all): nothing found missing.
        unknown_if: Where it holds, "not decided" means that nothing can be said yet: a log
            kept since a server was set up last week proves nothing about a year.
        min_coverage: Share of subjects that must be known.
        evidence: What kind decides it.
        validity: How old evidence in ``needs`` may be, if less than its own expiry allows.
        excuse: Where a law itself excuses who could not meet it in a calamity.
        text_status: Of this row, where it differs from the pack's; same for ``legal_force``.
    """

    id: RuleId
    cite: Cite
    text: Text
    next: Text
    each: Each = "facility"
    where: Expression = ""
    levels: tuple[Level, ...] = ()
    applies_if: Expression = ""
    params: dict[str, Param] = {}
    needs: tuple[str, ...] = ()
    refute: Expression = ""
    decide: Expression = ""
    unknown_if: Expression = ""
    min_coverage: Share = 1.0
    severity: Severity = "medium"
    evidence: EvidenceKind
    validity: Expression = ""
    hysteresis: Hysteresis = Hysteresis()
    excuse: Cite | None = None
    text_status: TextStatus | None = None
    legal_force: LegalForce | None = None
    in_force: InForce | None = None
    traps: tuple[str, ...] = ()
    maps_to: tuple[dict[Literal["rule", "rel"], str], ...] = ()
    fixtures: tuple[Fixture, ...] = ()


class Deadline(Node, frozen=True, kw_only=True):
    """A day by which something must be done.

    Attributes:
        on: The day, or
        yearly: month and day of every year, ``12-20``.
        before: The day itself is too late.
        each: What ``applies_if`` is asked of; it is due if it applies to one of them.
        done_by: Names (documents, attestations) that say it is done.
        lead_days: How many days ahead it is brought up.
    """

    id: RuleId
    cite: Cite
    text: Text
    next: Text
    on: date | None = None
    yearly: Annotated[str, msgspec.Meta(pattern=r"^(\d\d-\d\d)?$")] = ""
    before: bool = False
    each: Each = "facility"
    applies_if: Expression = ""
    done_by: tuple[str, ...] = ()
    lead_days: tuple[int, ...] = (180, 90, 30, 7)
    text_status: TextStatus | None = None


class Head(Node, frozen=True, kw_only=True):
    """What holds for the whole pack.

    Attributes:
        optional: Off until the facility or the province asks for it.
        applies_if: Holds for every rule and deadline beside its own.
        levels_from: Attribute that declares the level the rules speak of; the security level
            if empty, and only that one is assumed to be 2 where none is declared.
        verify: What a person must still compare with the official text.
        verified_by: Who did, and when.
    """

    id: PackId
    version: Version
    title: Text
    legal_force: LegalForce
    via: str = ""
    text_status: TextStatus
    in_force: InForce = InForce()
    optional: bool = False
    applies_if: Expression = ""
    levels_from: str = ""
    supersedes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    verify: tuple[str, ...] = ()
    verified_by: str = ""
    verified_on: date | None = None


class Pack(Node, frozen=True, kw_only=True):
    """The whole file.

    Attributes:
        given: What every fixture starts from.
    """

    pack: Head
    given: dict[str, str | float | bool] = {}
    rules: tuple[Rule, ...] = ()
    deadlines: tuple[Deadline, ...] = ()

    def text_status(self, row: Rule | Deadline) -> TextStatus:
        """Of one row."""
        return row.text_status or self.pack.text_status

    def legal_force(self, rule: Rule) -> LegalForce:
        """Of one rule."""
        return rule.legal_force or self.pack.legal_force


def version_key(version: str) -> tuple[int, ...]:
    """For comparing two versions."""
    return tuple(map(int, version.split(".")))


class PackError(ConfigError):
    """A pack cannot be used; the text names file, place and fix."""


def parse_pack(text: str, where: str) -> Pack:
    """Check a pack's shape; ``lint`` checks what it says.

    Raises:
        PackError: Not YAML, or not a pack.
    """
    try:
        return msgspec.convert(parse(text) or {}, Pack, strict=False)
    except StrictYamlError as error:
        raise PackError(f"{where}: {error}") from None
    except msgspec.ValidationError as error:
        raise PackError(f"{where}: {error}") from None


def read_pack(path: Path) -> Pack:
    """Read one file.

    Raises:
        PackError: It is missing, too large, or no pack.
    """
    return parse_pack(read_pack_text(path), str(path))


def read_pack_text(path: Path) -> str:
    """Text of a pack or of what stands beside it.

    Raises:
        PackError: It is missing, too large or not UTF-8.
    """
    try:
        return read_text(path)
    except OSError as error:
        raise PackError(f"{path}: cannot be read: {error.strerror}") from error
    except StrictYamlError as error:
        raise PackError(f"{path}: {error}") from None
