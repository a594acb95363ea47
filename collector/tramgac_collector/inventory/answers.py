"""What only people can say of a facility and its systems: it decides which rules apply."""

import datetime as dt
from typing import Annotated, Literal

import msgspec

from tramgac_collector.inventory.base import Node

PackName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9]*(\.[a-z0-9_]+)*$", max_length=64)]


class SecurityLevel(Node, frozen=True, kw_only=True):
    """What was decided on a system's security level (1 to 5); declared, never computed.

    An object without a decision says that there is none; leave it out where nobody asked.

    Attributes:
        number: The level, approved if there is a decision, proposed else.
        decision: Number of the decision.
        date: Of the decision.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    decision: Annotated[str, msgspec.Meta(max_length=200)] = ""
    date: dt.date | None = None


class Answers(Node, frozen=True, kw_only=True):
    """What decides which rules apply to a facility; left out means nobody has said.

    Attributes:
        kind: Other facilities by whether they treat inpatients; ``none`` treats nobody.
        ministry_linked: Under the ministry or linked to its network.
        insurance: Has a health-insurance contract.
        licensed_year: Year its licence was granted.
        nd331_binds: Decree 331 binds it although it is private: what its lawyer says.
        restore_days: Days between trial restores by its own backup policy.
        web_apps: Runs web applications of its own.
        internet_needed: Its systems need the Internet to work.
    """

    kind: Literal["hospital", "inpatient_other", "outpatient", "none"] | None = None
    ownership: Literal["public", "private"] | None = None
    ministry_linked: bool | None = None
    insurance: bool | None = None
    licensed_year: Annotated[int, msgspec.Meta(ge=1900, le=2200)] | None = None
    nd331_binds: bool | None = None
    restore_days: Annotated[float, msgspec.Meta(gt=0, le=3660)] | None = None
    web_apps: bool | None = None
    internet_needed: bool | None = None
