"""Who is looking, and what they may see: asked by every page that shows something of a facility."""

from dataclasses import dataclass

from flask import Flask, g
from werkzeug.exceptions import NotFound

_NARROWED = "narrowed"


class Foreign(NotFound):
    """Of a facility that the viewer may not see: answered as if it did not exist."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person behind a request.

    Attributes:
        name: Of the account; empty where there are no accounts.
        facilities: What they may see; None: all of the province.
        duty: They may acknowledge incidents.
        form_key: What the forms of their pages carry; empty: no form of theirs is taken.
    """

    name: str = ""
    facilities: frozenset[str] | None = frozenset()
    duty: bool = False
    form_key: str = ""

    def sees(self, facility: str) -> bool:
        """Whether they may see it; what belongs to no facility is the province's."""
        return self.facilities is None or facility in self.facilities


NOBODY = Viewer()
# Where there are no accounts the page stands on loopback, as the machine's own.
LOCAL = Viewer(facilities=None)


def viewer() -> Viewer:
    """Who looks at this page; nobody unless the gate has let somebody in."""
    found = g.get("viewer", NOBODY)
    return found if isinstance(found, Viewer) else NOBODY


def may_see(facility: str) -> bool:
    """Whether the person behind this request may see a facility, by its id."""
    return viewer().sees(facility)


def require(facility: str) -> None:
    """Go on only if they may see it; else the page does not exist for them.

    Raises:
        Foreign: They may not; the gate writes it down.
    """
    if not may_see(facility):
        raise Foreign


def narrow_endpoints(app: Flask, *endpoints: str) -> None:
    """Promise that these pages show only what ``may_see`` allows.

    Accounts of a facility get no other pages: a page that nobody thought of is closed to them.
    An argument ``facility``, in the path or behind the question mark, is checked by the gate.
    """
    app.extensions.setdefault(_NARROWED, set()).update(endpoints)


def is_narrowed(app: Flask, endpoint: str) -> bool:
    """Whether it was promised."""
    return endpoint in app.extensions.get(_NARROWED, set())
