"""Every expression of boards and rules, on a real Prometheus with a simulated province.

Values come from agents through a real collector; Grafana's variables are replaced as it would.
"""

import sys
import time
from collections.abc import Iterator, Mapping

import pytest
import yaml
from demo.sizes import SMALL
from demo.world import running
from helpers.promboard import Question, questions, shown, trees
from helpers.promlook import Look, all_questions
from helpers.promparts import honest, loosened, selectors
from render.jobs import answered
from render.prometheus import Prometheus

from tramgac_dashboards.boards import BOARDS
from tramgac_dashboards.model import LANGUAGES
from tramgac_dashboards.places import ROOT

_SETTLE_SECONDS = 40.0

# Empty where all is well: without their comparisons they must have data all the same.
QUIET: Mapping[str, str] = {
    "province: Địa điểm mất liên lạc: A": "no site of the small province is dark",
    "province: Địa điểm mất liên lạc: B": "the same",
    "facility: Nơi không tới được: A": "every path of its first facility is up at times",
    "regulations: Hở một phần: A": "no rule is partly met in the small province",
    "regulations: Bộ quy định: C": "the same",
    "fleet: Im lặng: A": "every host of the small province reports",
    "fleet: Chưa từng gọi: A": "the same",
    "collector: Lượt xét hỏng: A": "no step of the judge fails",
}
# Series that the small province does not have; the metric itself must be there.
UNSEEN: Mapping[str, str] = {
    'tramgac_incident_open{facility=""}': "no provider's and no centre's incident is open",
    'tramgac_incident_oldest_timestamp_seconds{facility=""}': "the same",
    'tramgac_maintenance_until_timestamp_seconds{site="",host=""}': "work is planned for one host",
    'tramgac_collector_reloads_total{result="failed"}': "no reload fails",
    'tramgac_collector_refused_total{code="cloned"}': "no machine was copied",
    'tramgac_port_finding{finding="late_collisions"}': "one kind of finding of many",
    'tramgac_port_finding{finding="duplex_mismatch"}': "the same",
    'tramgac_port_finding{finding="discards"}': "the same",
}
# The same for every facility of the small province.
ALIKE: Mapping[str, str] = {
    "province: Máy đang gọi về: A": "every host reports: coverage is whole everywhere",
    "facility: Độ phủ: A": "the same",
    "regulations: Cơ sở: C": "the same",
    "fleet: Độ phủ: A": "the same",
    "server: Trạng thái: A": "the same",
    "server: Lần tắt cuối: A": "only a later host of one facility fell",
    "server: Đồng hồ lệch: A": "only a later host of one facility has a wrong clock",
    "server: Đồng hồ: A": "the same",
    "server: Hệ thống trả lời: A": "the first host of each reaches its systems",
    "lan: Thiết bị mạng trả lời: A": "every switch answers",
    "power: UPS trả lời: A": "every UPS answers",
    "regulations: Lượt xét: A": "every facility has the same packs",
    "fleet: Chứng thư hết hạn sớm nhất: A": "all were enrolled within one second",
    **dict.fromkeys(
        (one.name for one in all_questions(BOARDS) if "tramgac_agent_outbox_records" in one.expr),
        "outboxes fill and empty within seconds: all may be empty at one moment",
    ),
}
# On a board with a choice of facilities, and not of these.
OF_NOBODY: Mapping[str, str] = {
    "regulations: Văn bản đã được đối chiếu chưa: A": "rules belong to no facility",
    "regulations: Quy định đang xét: A": "the same",
    "fleet: Lượt bị từ chối, 1 giờ: A": "who is refused is not known for what it says it is",
}
# Rules that need a past, which the small province does not have.
YOUNG: Mapping[str, str] = {
    "TramgacStoreFilling": "predicts from one value a minute",
    "filesystem:tramgac_avail_soon:bytes": "predicts from a day",
}


def _rules() -> list[tuple[str, str]]:
    """Name and expression of every rule."""
    paths = [path for kind in ("alerts", "rules") for path in sorted((ROOT / kind).glob("*.yml"))]
    groups = [
        group
        for path in paths
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    return [
        (rule.get("alert") or rule["record"], rule["expr"])
        for group in groups
        for rule in group["rules"]
    ]


RULES = _rules()


def _lacking(look: Look) -> list[str]:
    """Everything that must have data and has none."""
    found: list[str] = []
    for one in all_questions(BOARDS):
        found += look.lacking(one, UNSEEN, quiet=one.name in QUIET)
    for name, expression in RULES:
        without = look.without_series(expression, UNSEEN)
        found += [f"{name}: {one}" for one in without if one.partition("{")[0] not in YOUNG]
        if ":" in name and name not in YOUNG and not look.has(name):
            found.append(f"{name}: is not recorded")
    return found


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """The small province when all of it has been seen, or 40 s after its start."""
    with running(tmp_path_factory.mktemp("world") / "centre", SMALL) as world:
        source = Prometheus(world.prometheus_url)
        deadline = time.monotonic() + _SETTLE_SECONDS
        now = Look(source)
        while _lacking(now) and time.monotonic() < deadline:
            time.sleep(1)
            now = Look(source)
        yield now


def test_every_expression_has_data(look: Look) -> None:
    """Made-up zeros do not count, each side of an `or` is asked for itself, and each series."""
    lacking = _lacking(look)
    for name in BOARDS:
        asked = questions(name)
        empty = {one.name for one in asked} & {": ".join(x.split(": ")[:3]) for x in lacking}
        panels = len(shown(trees("vi")[name]))
        words = f"{panels} panels, {len(asked)} expressions, {len(asked) - len(empty)} with data"
        sys.stdout.write(f"{name}: {words}\n")
    sys.stdout.write(f"rules: {len(RULES)}\n")
    assert lacking == []


@pytest.mark.parametrize("board", BOARDS)
def test_what_is_shown_of_a_series_is_in_it(look: Look, board: str) -> None:
    """Legends and links read labels that every series has; columns those of some query."""
    wrong: list[str] = []
    for language in LANGUAGES:
        seen: dict[str, set[str]] = {}
        wanted: dict[str, set[str]] = {}
        for question in questions(board, language):
            told = [
                {label for label, value in series["metric"].items() if value}
                for view in look.views(board)
                for series in look.seen(question, view)
            ]
            if question.table:
                seen.setdefault(question.panel, set()).update(*told)
                wanted.setdefault(question.panel, set()).update(question.labels)
            elif not all(question.labels <= one for one in told):
                wrong.append(f"{question.name}: {set(question.labels)}")
        for panel, labels in wanted.items():
            wrong += [f"{board}: {panel}: {one}" for one in labels - seen[panel]]
    assert wrong == []


@pytest.mark.parametrize("board", BOARDS)
def test_graphs_are_answered_over_time(look: Look, board: str) -> None:
    """What is asked for a span gives points there, not only now."""
    view = next(look.views(board))
    without = {
        question.name
        for question in questions(board)
        if not question.instant and not answered(look.over_time(question, view))
    }
    assert without - QUIET.keys() == set()


def _by_facility(look: Look, question: Question) -> dict[str, list[str]]:
    """Values of each facility, as chosen or as labelled."""
    found: dict[str, list[str]] = {name: [] for name in look.facilities}
    views = list(look.views(question.board))
    for view in [one for one in views if one.facility] or views:
        for series in look.ask(honest(look.text(question, view))):
            whose = series["metric"].get("facility") or view.facility
            if whose in found:
                found[whose].append(series["value"][1])
    return found


@pytest.mark.parametrize("board", BOARDS)
def test_a_chosen_facility_is_all_that_is_shown(look: Look, board: str) -> None:
    """No other one's series are in the answer, and none is asked without the choice."""
    strangers = {
        question.name
        for view in look.views(board)
        if view.facility
        for question in questions(board)
        if question.name not in OF_NOBODY
        if "$facility" not in question.expr
        or {one["metric"].get("facility", "") for one in look.ask(look.text(question, view))}
        - {"", view.facility}
    }
    assert strangers == set()


@pytest.mark.parametrize("board", BOARDS)
def test_facilities_differ(look: Look, board: str) -> None:
    """Where a board shows several of them, one value for all would hide a lost label."""
    alike = set()
    for question in questions(board):
        values = _by_facility(look, question)
        different = {tuple(sorted(one)) for one in values.values()}
        if any(values.values()) and len(different) < 2:
            alike.add(question.name)
    assert alike - ALIKE.keys() - OF_NOBODY.keys() == set()


def test_alerts_read_what_they_compare(look: Look) -> None:
    """Without its comparisons an alert has data: it fires when it must, and is not blind."""
    blind = {
        name
        for name, expression in RULES
        if not selectors(expression) & UNSEEN.keys() and not look.has(loosened(honest(expression)))
    }
    assert blind - YOUNG.keys() == set()


def test_exceptions_are_still_needed(look: Look) -> None:
    """Each names an expression or a series that is there."""
    names = {one.name for one in all_questions(BOARDS)}
    assert (QUIET.keys() | ALIKE.keys() | OF_NOBODY.keys()) - names == set()
    asked = {s for one in all_questions(BOARDS) for s in selectors(_plain(look, one))}
    asked |= {one for _, expression in RULES for one in selectors(expression)}
    assert UNSEEN.keys() - asked == set()
    assert YOUNG.keys() - {name for name, _ in RULES} == set()


def _plain(look: Look, question: Question) -> str:
    return look.text(question, next(look.views(question.board)))
