"""The collector itself: whether what all other boards show can be believed."""

from tramgac_dashboards.model import Board, Graph, Look, Meaning, Query, Row, Stat, Text
from tramgac_dashboards.palette import BAD, GOOD, rising


def _p99(what: str) -> str:
    buckets = f"tramgac_collector_{what}_seconds_bucket"
    return f"histogram_quantile(0.99, sum by (le) (rate({buckets}[$__rate_interval])))"


_STATE = Row(
    Text(vi="Có tin được các bảng khác không", en="Can the other boards be believed"),
    (
        Stat(
            Text(vi="Bộ thu nhận", en="Collector"),
            Text(
                vi="Prometheus có đọc được bộ thu nhận không. Khi không, mọi bảng đều cũ.",
                en="Whether Prometheus can read the collector. If not, every board is old.",
            ),
            (Query('up{job="tramgac"}'),),
            Look(
                meanings=(
                    Meaning("1", Text(vi="chạy", en="running"), GOOD),
                    Meaning("0", Text(vi="không đọc được", en="not readable"), BAD),
                )
            ),
            width=4, height=5, runbook="TramgacCollectorDown",
        ),
        Stat(
            Text(vi="Tuổi lần xét gần nhất", en="Age of the last judgement"),
            Text(
                vi="Phần chậm nhất của bộ xét. Quá 60 giây: các kết luận đang đứng yên.",
                en="The slowest part of the judge. Over 60 s: verdicts stand still.",
            ),
            (Query("max(time() - tramgac_judge_last_turn_timestamp_seconds)"),),
            Look(unit="s", steps=rising(60, 120), decimals=0),
            width=5, height=5, runbook="TramgacJudgeStalled",
        ),
    ),
)  # fmt: skip

_FLOW = Row(
    Text(vi="Dòng số liệu", en="Flow"),
    (
        Graph(
            Text(vi="Báo cáo mỗi giây", en="Reports a second"),
            Text(vi="Lời gọi được xác nhận.", en="Calls that were acknowledged."),
            (
                Query(
                    "sum(rate(tramgac_collector_reports_total[$__rate_interval]))",
                    Text(vi="báo cáo", en="reports"),
                ),
            ),
            Look(unit="cps", least=0),
            width=12,
        ),
        Graph(
            Text(vi="Thời gian xác nhận", en="Time to acknowledge"),
            Text(
                vi="Phần trăm thứ 99. Xác nhận chỉ sau khi đã ghi xuống đĩa.",
                en="The 99th percentile. Acknowledged only once it is on disk.",
            ),
            (
                Query(_p99("ack"), Text(vi="xác nhận", en="acknowledge")),
                Query(_p99("commit"), Text(vi="ghi đĩa", en="commit")),
            ),
            Look(unit="s", steps=rising(0.25, 1.0), least=0),
            width=12,
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="collector",
    title=Text(vi="Trạm Gác / Bộ thu nhận", en="Trạm Gác / Collector"),
    what=Text(
        vi="Bộ thu nhận có khoẻ không: nhận, ghi, xét, và còn bao nhiêu chỗ.",
        en="Whether the collector is well: taking in, storing, judging, and how much room is left.",
    ),
    rows=(_STATE, _FLOW),
)
