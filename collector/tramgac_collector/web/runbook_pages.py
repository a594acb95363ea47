"""Pages of the runbooks: the list, and each one."""

from collections.abc import Callable

from flask import Flask, abort

from tramgac_collector.web import access
from tramgac_collector.web.runbooks import COMMON, names, runbook

_LIST, _ONE = "runbooks", "runbook"


class RunbookPages:
    """Registers both pages; they show nothing of any facility, so everybody who is let in may read.

    Args:
        app: The application.
        render: A template in one language.
    """

    def __init__(self, app: Flask, render: Callable[..., str]) -> None:
        self._render = render
        base = "/runbooks/<any(vi, en):language>/"
        app.add_url_rule(base, _LIST, self.listing)
        app.add_url_rule(f"{base}<name>", _ONE, self.one)
        access.narrow_endpoints(app, _LIST, _ONE)

    def listing(self, language: str) -> str:
        """Every one with its first sentence, by name."""
        shown = [runbook(language, name) for name in names(language)]
        return self._render(
            "runbooks.html", language, page=_LIST, runbooks=shown, common=runbook(language, COMMON)
        )

    def one(self, language: str, name: str) -> str:
        """One of the files that are there; anything else does not exist."""
        found = runbook(language, name)
        if found is None:
            abort(404)
        return self._render("runbook.html", language, page=_ONE, runbook=found, kept={"name": name})
