"""What the render job asks Prometheus, without node or a browser."""

import pytest
from render.__main__ import told
from render.choices import Window, chosen, filled, label_values
from render.jobs import answered, job, silent, span_seconds
from render.prometheus import Prometheus, PrometheusError, Series

WINDOW = Window(start=1_000.0, end=1_600.0, scrape=15.0)
FACILITY = {
    "name": "facility",
    "type": "query",
    "includeAll": False,
    "query": {"query": "label_values(tramgac_facility_info, facility)", "refId": "facility"},
}
SITE = {
    "name": "site",
    "type": "query",
    "includeAll": False,
    "query": 'label_values(tramgac_site_info{facility=~"$facility", x=~"a,b"}, site)',
}


class Told(Prometheus):
    """A Prometheus that answers from a table and remembers what it was asked."""

    def __init__(self, answers: dict[str, Series]) -> None:
        super().__init__("http://127.0.0.1:9")
        self.answers = answers
        self.asked: list[str] = []

    def instant(self, expression: str, window: Window) -> Series:
        assert window is WINDOW
        self.asked.append(expression)
        if expression not in self.answers:
            raise PrometheusError(f"{expression}: parse error")
        return self.answers[expression]

    def ranged(self, expression: str, window: Window, step: float) -> Series:
        assert step == 15
        return self.instant(expression, window)


def board(*panels: dict[str, object]) -> dict[str, object]:
    placed = [
        {"title": f"p{number}", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}, **panel}
        for number, panel in enumerate(panels)
    ]
    return {"uid": "u", "title": "t", "templating": {"list": []}, "panels": placed}


def test_variables_take_the_first_value_or_all() -> None:
    """A later choice depends on an earlier one; what may be all is all; a wish wins."""
    asked = []

    def ask(selector: str, label: str) -> list[str]:
        asked.append((selector, label))
        return ["b", "a"]

    host = {"name": "host", "type": "query", "includeAll": True, "allValue": ".*", "query": "x"}
    source = {"name": "datasource", "type": "datasource"}

    values = chosen([source, FACILITY, SITE, host], ask, {})

    assert values == {"datasource": "prometheus", "facility": "a", "site": "a", "host": ".*"}
    assert asked == [
        ("tramgac_facility_info", "facility"),
        ('tramgac_site_info{facility=~"a", x=~"a,b"}', "site"),
    ]
    assert chosen([FACILITY], ask, {"facility": "z"}) == {"facility": "z"}


def test_a_variable_without_a_value_is_an_error() -> None:
    """An empty choice would draw every panel as if nothing were wrong elsewhere."""
    with pytest.raises(ValueError, match="nothing to choose for facility"):
        chosen([FACILITY], lambda _selector, _label: [], {})
    with pytest.raises(ValueError, match="no way to answer"):
        label_values("query_result(up)")


def test_every_way_to_write_a_variable_is_filled() -> None:
    """Unknown names stay, so that Prometheus refuses them aloud."""
    assert filled("$a ${a} ${a:regex} [[a]] $b $aa", {"a": "1"}) == "1 1 1 1 $b $aa"
    assert filled("rate(x[$__rate_interval])", WINDOW.variables(600)) == "rate(x[60s])"


def test_steps_are_never_finer_than_the_scrapes() -> None:
    """A finer step would draw points that nobody measured."""
    assert WINDOW.step(10_000) == 15
    assert WINDOW.step(10) == 60
    assert WINDOW.variables(10)["__rate_interval"] == "75s"
    assert WINDOW.variables(10)["__range"] == "600s"


def test_spans_are_read_as_grafana_writes_them() -> None:
    """Other ways are refused, not guessed."""
    assert span_seconds("now-6h") == 21_600
    assert span_seconds("now-30d") == 2_592_000
    for wrong in ("now/d", "2026-01-01", "now-", "now-xh"):
        with pytest.raises(ValueError, match="no way to read"):
            span_seconds(wrong)


def test_a_panel_without_a_number_is_empty() -> None:
    """No series and nothing but NaN are both no data; a title needs none."""
    nan: Series = [{"metric": {}, "values": [[1, "NaN"], [2, "NaN"]]}]
    good: Series = [{"metric": {}, "values": [[1, "NaN"], [2, "0"]]}]
    source = Told({"none": [], "nan": nan, "good": good})

    def panel(*expressions: str) -> dict[str, object]:
        return {"type": "timeseries", "targets": [{"expr": one} for one in expressions]}

    drawn = job(
        board(panel("none"), panel("nan"), panel("good", "none"), {"type": "row"}),
        source,
        WINDOW,
        {},
    )

    assert [one["empty"] for one in drawn["panels"]] == [True, True, False, False]
    assert silent(drawn) == ["p2: A"]
    assert answered([{"metric": {}, "value": [1, "+Inf"]}])


def test_a_refused_question_is_told_and_leaves_the_other_panels() -> None:
    """The panel carries the reason; the next one has its data."""
    source = Told({"good": [{"metric": {}, "value": [1, "1"]}]})
    drawn = job(
        board(
            {"type": "stat", "targets": [{"expr": "bad >", "instant": True}]},
            {"type": "stat", "targets": [{"expr": "good", "instant": True}]},
        ),
        source,
        WINDOW,
        {},
    )

    assert [one["fault"] for one in drawn["panels"]] == ["bad >: parse error", ""]
    assert drawn["panels"][1]["empty"] is False


def test_panels_of_closed_rows_are_drawn_and_hidden_queries_are_not_asked() -> None:
    """What one click opens belongs to the board."""
    inner = {
        "title": "inner",
        "type": "stat",
        "gridPos": {"x": 0, "y": 1, "w": 4, "h": 4},
        "targets": [{"expr": "good", "instant": True}, {"expr": "secret", "hide": True}],
    }
    source = Told({"good": [{"metric": {}, "value": [1, "1"]}]})

    drawn = job(board({"type": "row", "panels": [inner]}), source, WINDOW, {})

    assert [one["title"] for one in drawn["panels"]] == ["p0", "inner"]
    assert source.asked == ["good"]


def test_addresses_are_escaped_and_only_http() -> None:
    """A selector with quotes arrives as it was written."""
    source = Prometheus("http://127.0.0.1:9/")
    address = source.address("query", {"query": 'a{b="c&d"}', "time": ""})

    assert address == "http://127.0.0.1:9/api/v1/query?query=a%7Bb%3D%22c%26d%22%7D"
    with pytest.raises(ValueError, match="not an HTTP address"):
        Prometheus("file:///etc/passwd")


def test_an_empty_panel_fails_the_job_unless_allowed() -> None:
    """Errors and no pictures at all always do."""
    fine = {"png": "a/x.png", "empty": [], "errors": []}
    empty = {"png": "a/y.png", "empty": ["CPU"], "errors": []}
    broken = {"png": "a/z.png", "empty": [], "errors": ["boom"]}

    assert told([fine], allow_empty=False) == (["1 pictures"], 0)
    assert told([fine, empty], allow_empty=False) == (["y: No data: CPU", "2 pictures"], 1)
    assert told([empty], allow_empty=True)[1] == 0
    assert told([broken], allow_empty=True)[1] == 1
    assert told([], allow_empty=True)[1] == 1
