"""What the collector cannot tell of itself: these alerts page by themselves."""

from typing import Final

from tramgac_dashboards.alerts.model import Alert, Held
from tramgac_dashboards.alerts.thresholds import CENTRE, COLLECTOR, seconds
from tramgac_dashboards.model import Text

_C, _K = CENTRE, COLLECTOR
_UP: Final = 'up{job="tramgac"}'
_TURN: Final = "tramgac_judge_last_turn_timestamp_seconds"
# Nothing open counts only where the judge works, and on what is reported now.
TRUSTED: Final = (
    f"collector:tramgac_judge_age:seconds <= {_C['judge_trusted_seconds']}"
    f' and on () time() - max({_TURN}{{part="facts"}}) <= {_C["facts_trusted_seconds"]}'
)
_FREE, _FLOOR = "tramgac_collector_store_free_bytes", "tramgac_collector_store_floor_bytes"

RUNNING: Final = (
    Alert(
        "Watchdog", "none", "vector(1)",
        Text(vi="Cảnh báo này luôn có.", en="This alert always fires."),
        Text(
            vi="Nó chứng tỏ Prometheus và Alertmanager còn chạy. Nơi thứ hai phải báo động khi"
            " không"
            " còn nhận được nó.",
            en="It proves that Prometheus and Alertmanager work. A second place must raise the"
            " alarm"
            " when it stays away.",
        ),
    ),
    Alert(
        "TramgacJudgeWorks", "none", TRUSTED,
        Text(vi="Bộ xét đang làm việc.", en="The judge works."),
        Text(
            vi="Khi còn cảnh báo này, Alertmanager giữ im các cảnh báo trùng với sự cố của bộ thu"
            " nhận.",
            en="While it fires, Alertmanager keeps quiet what the collector's incidents say as"
            " well.",
        ),
    ),
    Alert(
        "TramgacCollectorDown", "critical", f"{_UP} == 0 or absent({_UP})",
        Text(vi="Bộ thu nhận không trả lời.", en="The collector does not answer."),
        Text(
            vi="Prometheus không đọc được bộ thu nhận: không biết gì về các cơ sở. Không có cảnh"
            " báo"
            " không có nghĩa là mọi thứ tốt.",
            en="Prometheus cannot read the collector: nothing is known of any facility. No alert"
            " does"
            " not mean that all is well.",
        ),
        Held(str(_C["down_for"]), "a restart takes two scrapes"),
    ),
    Alert(
        "TramgacCollectorRestarts", "medium",
        f'changes(process_start_time_seconds{{job="tramgac"}}[{_C["restarts_within"]}])'
        f" >= {_C['restarts']}",
        Text(
            vi="Bộ thu nhận khởi động lại nhiều lần.",
            en="The collector begins anew again and again.",
        ),
        Text(
            vi="Đã khởi động lại {{ $value }} lần trong nửa giờ. Xem nhật ký tramgac-collector.",
            en="It began anew {{ $value }} times in half an hour. Read the log of"
            " tramgac-collector.",
        ),
    ),
    Alert(
        "TramgacJudgeStalled", "critical",
        f'time() - {_TURN}{{part!="facts"}} > {_C["judge_seen_seconds"]}\n'
        f'or absent({_TURN}{{part!="facts"}}) and on () ({_UP} == 1)',
        Text(
            vi="Bộ xét đứng yên: không sự cố nào được báo.",
            en="The judge stands still: nothing is told.",
        ),
        Text(
            vi="Phần đứng yên: {{ $labels.part }} (trống: cả bộ xét). Sự cố và quy định trên các"
            " trang là cũ, sao lưu thì vẫn được xét; Prometheus báo thay.",
            en="Part that stands still: {{ $labels.part }} (none: the whole judge). Incidents and"
            " rules on all pages are old, backups are judged on; Prometheus tells instead.",
        ),
        Held(str(_C["judge_for"]), "one slow step is no standstill"),
    ),
    Alert(
        "TramgacJudgeFailing", "medium",
        f"increase(tramgac_judge_failures[15m]) > {_C['judge_failures']}",
        Text(vi="Bộ xét gặp lỗi liên tục.", en="The judge fails again and again."),
        Text(
            vi='Phần {{ $labels.part }} lỗi {{ $value | printf "%.0f" }} lần trong 15 phút.',
            en='Part {{ $labels.part }} failed {{ $value | printf "%.0f" }} times in 15 minutes.',
        ),
        keep=Held("15m", "a fault that comes and goes is one fault"),
    ),
    Alert(
        "TramgacNoFacts", "critical",
        f'time() - {_TURN}{{part="facts"}} > {_K["facts_stalled_seconds"]}',
        Text(vi="Không có dữ kiện mới cho bộ xét.", en="The judge gets no new facts."),
        Text(
            vi="Phần tiếp nhận không ghi dữ kiện nào nữa: bộ xét chỉ thấy chuyện cũ.",
            en="Ingest writes no facts any more: the judge looks at what was.",
        ),
        Held("60s", "a start or a backup may hold the writer up once"),
    ),
    Alert(
        "TramgacReloadFailed", "medium",
        'increase(tramgac_collector_reloads_total{result="failed"}[15m]) > 0',
        Text(vi="Không nạp được danh mục mới.", en="A new inventory could not be taken up."),
        Text(
            vi="Danh mục cũ vẫn dùng. Chạy `tramgac-collector inventory check` và `doctor`.",
            en="The old one stays in force. Run `tramgac-collector inventory check` and `doctor`.",
        ),
        keep=Held("1h", "it is tried once; what is in force stays old until somebody acts"),
    ),
)  # fmt: skip

STORE: Final = (
    Alert(
        "TramgacStoreBelowFloor", "critical", f"{_FREE} < {_FLOOR}",
        Text(vi="Ổ chứa kho dữ liệu sắp hết chỗ.", en="The store's disk is nearly full."),
        Text(
            vi="Còn {{ $value | humanize1024 }}B. Khi đầy, không báo cáo nào được nhận; tác nhân"
            " giữ lại.",
            en="{{ $value | humanize1024 }}B left. When it is full no report is taken; agents keep"
            " them.",
        ),
        Held("2m", "a backup may use room for a moment"),
        Held("10m", "room that comes and goes around the floor is one finding"),
    ),
    Alert(
        "TramgacStoreFilling", "medium",
        # The first value after a start is NaN, and one NaN would blind the prediction for 6 h.
        f"predict_linear(({_FREE} >= 0)[6h:1m], {seconds(_C['store_full_soon'])}) < {_FLOOR}"
        f" and {_FREE} >= {_FLOOR}",
        Text(vi="Ổ chứa kho dữ liệu đang đầy dần.", en="The store's disk is filling up."),
        Text(
            vi="Theo đà sáu giờ qua, vài ngày nữa sẽ dưới mức sàn. Thêm ổ hoặc giảm [retention].",
            en="By its last six hours it will pass its floor within days. Add disk or lower"
            " [retention].",
        ),
        Held("1h", "a retention run once an hour frees room again"),
        Held("1h", "the same"),
    ),
    Alert(
        "TramgacQueueLong", "medium",
        f"tramgac_collector_queue_batches > {_C['queue_batches']}",
        Text(vi="Bộ ghi không theo kịp.", en="The writer does not keep up."),
        Text(
            vi="{{ $value }} lô đang chờ ghi: ổ đĩa chậm hoặc quá nhiều tác nhân cùng gửi bù.",
            en="{{ $value }} batches wait: the disk is slow, or many agents send a backlog.",
        ),
        Held("5m", "a returning province fills the queue for a few minutes"),
        Held("5m", "the same"),
    ),
    Alert(
        "TramgacAckSlow", "medium",
        f"collector:tramgac_ack_seconds:p99 > {_C['ack_seconds']}",
        Text(vi="Xác nhận báo cáo chậm.", en="Reports are acknowledged slowly."),
        Text(
            vi="Một phần trăm lời gọi chờ hơn {{ $value | humanizeDuration }}. Xem ổ đĩa của trung"
            " tâm.",
            en="One call in a hundred waits over {{ $value | humanizeDuration }}. Look at the"
            " centre's disk.",
        ),
        Held("10m", "a returning province is slow for a few minutes"),
        Held("5m", "the percentile of five minutes jumps"),
    ),
    Alert(
        "TramgacCardinalityHigh", "medium",
        f"tramgac_collector_series > {_C['series_most']}",
        Text(vi="Số chuỗi số liệu gần mức tối đa.", en="The number of series nears its limit."),
        Text(
            vi="{{ $value | humanize }} chuỗi. Chia bớt hoặc xem máy nào có quá nhiều cổng, ổ.",
            en="{{ $value | humanize }} series. Divide the load, or see who has too many ports or"
            " disks.",
        ),
        Held("15m", "a restart may count twice for a moment"),
        Held("15m", "the same"),
    ),
)  # fmt: skip
