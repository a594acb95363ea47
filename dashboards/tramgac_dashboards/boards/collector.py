"""The collector itself: whether what all other boards show can be believed."""

from tramgac_dashboards.choices import JUDGED
from tramgac_dashboards.model import (
    Bars,
    Board,
    Graph,
    Look,
    Meaning,
    Query,
    Row,
    Stat,
    Step,
    Text,
)  # fmt: skip
from tramgac_dashboards.palette import (
    BAD,
    COUNT,
    GOOD,
    NEUTRAL,
    WARN,
    any_is,
    falling,
    rising,
)  # fmt: skip

_JOB = 'job="tramgac"'
_RUNS = (
    Meaning("1", Text(vi="chạy", en="running"), GOOD),
    Meaning("0", Text(vi="không đọc được", en="not readable"), BAD),
)
_AWAY = "tramgac_collector_store_free_bytes - tramgac_collector_store_floor_bytes"


def _quantile(share: float, what: str) -> str:
    buckets = f"tramgac_collector_{what}_seconds_bucket"
    return f"histogram_quantile({share}, sum by (le) (rate({buckets}[$__rate_interval])))"


def _rate(name: str, by: str = "") -> str:
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (rate(tramgac_collector_{name}_total[$__rate_interval]))"


def _flow(title: Text, what: Text, name: str, unit: str = "cps") -> Graph:
    return Graph(title, what, (Query(_rate(name), title),), Look(unit=unit, least=0), width=6)


_STATE = Row(
    Text(vi="Có tin được các bảng khác không", en="Can the other boards be believed"),
    (
        Stat(
            Text(vi="Bộ thu nhận", en="Collector"),
            Text(
                vi="Prometheus có đọc được bộ thu nhận không. Khi không, mọi bảng đều cũ.",
                en="Whether Prometheus can read the collector. If not, every board is old.",
            ),
            (Query(f"min(up{{{_JOB}}})"),), Look(meanings=_RUNS), width=4, height=5,
            runbook="TramgacCollectorDown",
        ),
        Stat(
            Text(vi="Tuổi lần xét gần nhất", en="Age of the last judgement"),
            Text(
                vi="Phần chậm nhất của bộ xét. Quá 60 giây: các kết luận đang đứng yên.",
                en="The slowest part of the judge. Over 60 s: verdicts stand still.",
            ),
            (Query("max(time() - tramgac_judge_last_turn_timestamp_seconds)"),),
            Look(unit="s", steps=rising(60, 120), decimals=0), width=4, height=5,
            runbook="TramgacJudgeStalled",
        ),
        Stat(
            Text(vi="Lượt xét hỏng", en="Failed judgements"),
            Text(
                vi="Từ khi bộ xét khởi động, mọi phần.",
                en="Since the judge began, all parts.",
            ),
            # A judge that is dead keeps its last figure: none is none only while it works.
            (Query(f"sum(tramgac_judge_failures) > 0 or 0 * {JUDGED}"),),
            Look(unit="short", steps=any_is(BAD), decimals=0), width=4, height=5,
            runbook="TramgacJudgeFailing",
        ),
        Stat(
            Text(vi="Chỗ trống trên mức sàn", en="Room above the floor"),
            Text(
                vi="Nơi chứa kho dữ liệu. Chỉ có với SQLite; dưới 0: phải dọn ngay.",
                en="Where the store lies. With SQLite only; below 0: make room now.",
            ),
            (Query(_AWAY),),
            Look(unit="bytes", steps=falling(0, 10 * 2**30), decimals=1), width=4, height=5,
            runbook="TramgacStoreBelowFloor",
        ),
        Stat(
            Text(vi="Hàng đợi ghi", en="Queue"),
            Text(
                vi="Lô chờ ghi xuống đĩa. Tăng mãi: đĩa không kịp.",
                en="Batches waiting for the disk. Growing on: it does not keep up.",
            ),
            (Query("tramgac_collector_queue_batches"),),
            Look(unit="short", steps=rising(250, 1000), decimals=0), width=4, height=5,
            runbook="TramgacQueueLong",
        ),
        Stat(
            Text(vi="Phiên bản", en="Version"),
            Text(vi="Của bộ thu nhận đang chạy.", en="Of the collector that runs."),
            (Query("tramgac_collector_build_info", "{{version}}"),),
            Look(steps=NEUTRAL, meanings=(Meaning("1", "✓", GOOD),)),
            width=4, height=5, names=True,
        ),
    ),
)  # fmt: skip

_FLOW = Row(
    Text(vi="Nhận và ghi", en="Taking in and storing"),
    (
        _flow(
            Text(vi="Báo cáo mỗi giây", en="Reports a second"),
            Text(vi="Lời gọi được xác nhận.", en="Calls that were acknowledged."), "reports",
        ),
        _flow(
            Text(vi="Bản ghi mỗi giây", en="Records a second"),
            Text(vi="Được ghi lần đầu.", en="Stored for the first time."), "records",
        ),
        _flow(
            Text(vi="Giá trị mỗi giây", en="Values a second"),
            Text(vi="Trong các bản ghi đã ghi.", en="In the records stored."), "samples",
        ),
        _flow(
            Text(vi="Byte mỗi giây", en="Bytes a second"),
            Text(vi="Đến qua mạng.", en="As they came over the wire."), "received_bytes", "Bps",
        ),
        Graph(
            Text(vi="Thời gian xác nhận và ghi", en="Time to acknowledge and to commit"),
            Text(
                vi="Xác nhận chỉ sau khi đã ghi xuống đĩa. Ngân sách p99: 0,25 giây.",
                en="Acknowledged only once it is on disk. The budget of p99 is 0.25 s.",
            ),
            (
                Query(_quantile(0.5, "ack"), Text(vi="xác nhận p50", en="acknowledge p50")),
                Query(_quantile(0.99, "ack"), Text(vi="xác nhận p99", en="acknowledge p99")),
                Query(_quantile(0.99, "commit"), Text(vi="ghi p99", en="commit p99")),
            ),
            Look(unit="s", steps=rising(0.25, 1.0), least=0), width=12, runbook="TramgacAckSlow",
        ),
        Graph(
            Text(vi="Lượt xét: độ dài", en="Length of judgements"),
            Text(vi="Lượt gần nhất, theo phần.", en="The last step, by part."),
            (Query("max by (part) (tramgac_judge_turn_seconds)", "{{part}}"),),
            Look(unit="s", least=0), width=12, runbook="TramgacJudgeStalled",
        ),
    ),
)  # fmt: skip


def _codes(title: Text, what: Text, name: str, by: str = "code", runbook: str = "") -> Bars:
    expr = f"sum by ({by}) (increase(tramgac_collector_{name}_total[1h]))"
    look = Look(
        unit="short", steps=(Step(None, GOOD), Step(1, WARN)), decimals=0, least=0,
        nothing=Text(vi="chưa thấy", en="none seen"),
    )  # fmt: skip
    return Bars(title, what, (Query(expr, f"{{{{{by}}}}}"),), look, 6, 8, None, runbook)


_REFUSED = Row(
    Text(vi="Những gì không nhận, trong 1 giờ", en="What was not taken, within 1 h"),
    (
        _codes(
            Text(vi="Lời gọi bị từ chối", en="Calls refused"),
            Text(vi="Theo lý do.", en="By reason."), "refused", runbook="TramgacCallsRefused",
        ),
        _codes(
            Text(vi="Bản ghi bị cách ly", en="Records quarantined"),
            Text(vi="Không nhận được; nằm trong bảng quarantine.",
                 en="Could not be accepted; the table quarantine has them."),
            "quarantined", runbook="TramgacRecordsQuarantined",
        ),
        _codes(
            Text(vi="Đã ghi nhưng không hiển thị", en="Stored but not shown"),
            Text(vi="Theo lý do.", en="By reason."), "live_refused",
            runbook="TramgacLiveRefused",
        ),
        _codes(
            Text(vi="Nạp lại danh mục", en="Reloads"),
            Text(vi="failed: danh mục cũ vẫn được dùng.",
                 en="failed: the old inventory stays in force."),
            "reloads", "result", "TramgacReloadFailed",
        ),
        Graph(
            Text(vi="Bản ghi trùng", en="Duplicates"),
            Text(
                vi="Gửi lại sau khi mất xác nhận; chỉ được tính một lần.",
                en="Sent again after a lost acknowledgement; counted once.",
            ),
            (Query(_rate("duplicates"), Text(vi="trùng", en="duplicates")),),
            Look(unit="cps", least=0), width=8,
        ),
        Graph(
            Text(vi="Bắt tay TLS hỏng", en="Failed handshakes"),
            Text(
                vi="Đồng hồ sai, địa chỉ sai, hoặc có người dò cổng.",
                en="A wrong clock, a wrong address, or somebody probing.",
            ),
            (Query(_rate("handshake_failures"), Text(vi="hỏng", en="failed")),),
            Look(unit="cps", least=0), width=8, runbook="TramgacHandshakesFailing",
        ),
        Graph(
            Text(vi="Phép thử tốc độ được cấp", en="Leases of speed tests"),
            Text(
                vi="Theo quyết định. Từ chối vì bận là bình thường: mỗi đoạn chỉ một phép thử.",
                en="By decision. Refused as busy is normal: one test at a time on a segment.",
            ),
            (Query(_rate("leases", "code"), "{{code}}"),),
            Look(unit="cps", least=0), width=8,
        ),
    ),
)  # fmt: skip

_ROOM = Row(
    Text(vi="Chỗ và sức", en="Room and strength"),
    (
        Graph(
            Text(vi="Chuỗi số liệu", en="Series"),
            Text(
                vi="Số định nghĩa đang giữ. Tăng vọt: một máy gửi nhãn lạ.",
                en="Definitions held. A jump: some host sends odd labels.",
            ),
            (
                Query("tramgac_collector_series", Text(vi="bộ thu nhận", en="collector")),
                Query(f"scrape_samples_scraped{{{_JOB}}}", "/metrics"),
            ),
            Look(unit="short", least=0), width=8, runbook="TramgacCardinalityHigh",
        ),
        Bars(
            Text(vi="Tác nhân theo trạng thái", en="Agents by state"),
            Text(vi="Trong sổ của bộ thu nhận.", en="In the collector's register."),
            (Query("sum by (state) (tramgac_collector_agents)", "{{state}}"),),
            COUNT, width=8,
        ),
        Graph(
            Text(vi="Kho dữ liệu", en="Store"),
            Text(
                vi="Cỡ kho, chỗ trống và mức sàn.",
                en="Its size, the free space, and the floor.",
            ),
            (
                Query("tramgac_collector_store_bytes", Text(vi="kho", en="store")),
                Query("tramgac_collector_store_free_bytes", Text(vi="trống", en="free")),
                Query("tramgac_collector_store_floor_bytes", Text(vi="sàn", en="floor")),
            ),
            Look(unit="bytes", least=0), width=8, runbook="TramgacStoreFilling",
        ),
        Graph(
            Text(vi="CPU của bộ nhận", en="CPU of ingest"),
            Text(vi="Phần của một nhân.", en="Share of one core."),
            (Query(f"rate(process_cpu_seconds_total{{{_JOB}}}[$__rate_interval])", "ingest"),),
            Look(unit="percentunit", least=0), width=8,
        ),
        Graph(
            Text(vi="Bộ nhớ của bộ nhận", en="Memory of ingest"),
            Text(
                vi="Và các lời gọi đang xử lý.",
                en="And the calls being handled.",
            ),
            (
                Query(f"process_resident_memory_bytes{{{_JOB}}}", "ingest"),
                Query("tramgac_collector_inflight_bytes", Text(vi="đang xử lý", en="in flight")),
            ),
            Look(unit="bytes", least=0), width=8,
        ),
        Graph(
            Text(vi="Đọc số liệu mất bao lâu", en="Length of a reading"),
            Text(
                vi="Prometheus đọc /metrics.",
                en="Prometheus reads /metrics.",
            ),
            (Query(f"scrape_duration_seconds{{{_JOB}}}", "/metrics"),),
            Look(unit="s", least=0), width=8,
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
    rows=(_STATE, _FLOW, _REFUSED, _ROOM),
)
