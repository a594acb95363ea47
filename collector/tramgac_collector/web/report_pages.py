"""Pages of the reports that were given out: the list, and each one as it was."""

import logging
import threading
from collections.abc import Callable

from flask import Flask, Response
from werkzeug.wrappers import Response as AnyResponse

from tramgac_collector.report import archive
from tramgac_collector.report.page import report_page, style_digest
from tramgac_collector.web import access
from tramgac_collector.web.access import may_see, viewer
from tramgac_collector.web.desk import Desk

_LIST, _ONE = "reports", "report"
# No database counts further.
_LARGEST = 2**63 - 1

log = logging.getLogger(__name__)


class ReportPages:
    """Registers both pages; a report of the province is for those who see the province.

    Args:
        app: The application.
        desk: For reading the store.
        render: A template in one language.
    """

    def __init__(self, app: Flask, desk: Desk, render: Callable[..., str]) -> None:
        self._desk = desk
        self._render = render
        # A report of the whole province takes a second: one at a time.
        self._printing = threading.Lock()
        app.add_url_rule("/<any(vi, en):language>/reports", _LIST, self.listing)
        app.add_url_rule("/<any(vi, en):language>/reports/<int:number>", _ONE, self.one)
        access.narrow_endpoints(app, _LIST, _ONE)

    def listing(self, language: str) -> str:
        """Those the viewer may see, the newest first."""
        with self._desk.reading() as connection:
            # Those of others must not push theirs off the end of the list.
            every = archive.listed(connection, scopes=viewer().facilities)
        found = [one for one in every if may_see(one.scope)]
        return self._render("reports.html", language, page=_LIST, reports=found)

    def one(self, language: str, number: int) -> AnyResponse | tuple[str, int]:
        """A report as it was given out."""
        with self._desk.reading() as connection:
            given = archive.find(connection, number) if number <= _LARGEST else None
            if given is None:
                return self._render("message.html", language, text="not_found"), 404
            access.require(given.scope)
            try:
                figures = archive.read(connection, number)
            except archive.BadReport as error:
                log.error("%s", error)  # noqa: TRY400 - it is no fault of the program
                return self._render("message.html", language, text="report_altered"), 500
        with self._printing:
            page = Response(report_page(figures, given, language))
        page.headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src '{style_digest()}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        return page
