"""Backups: which data could be restored today, to when, how fast, and what nobody has proven."""

from tramgac_dashboards.choices import FACILITY
from tramgac_dashboards.codes import BACKUP_FINDINGS
from tramgac_dashboards.model import (
    Board,
    Column,
    Graph,
    Look,
    Query,
    Row,
    Stat,
    Step,
    Table,
    Text,
    Timeline,
    Variable,
)  # fmt: skip
from tramgac_dashboards.palette import (
    AGE,
    BACKUP_NUMBERS,
    BACKUP_STATE,
    BAD,
    COUNT,
    GOOD,
    NEUTRAL,
    NOTE,
    UNKNOWN,
    WARN,
    WHEN,
    WORST,
    YES_IS_GOOD,
    any_is,
    falling,
    rising,
)  # fmt: skip

_IN = 'facility=~"$facility"'
_SERIES = f'{_IN}, series=~"$series"'
_ALL = f"count(tramgac_backup_rpo_seconds{{{_SERIES}}})"
_CHOICE = Variable(
    "series",
    Text(vi="Chuỗi sao lưu", en="Series"),
    f"label_values(tramgac_backup_rpo_seconds{{{_IN}}}, series)",
)
# Growing with what is wrong; a graph needs numbers where the gauge has words.
_NUMBERED = " or ".join(
    f'(max by (series) (tramgac_backup_state{{{_SERIES}, state="{one.value}"}}) * {number.value})'
    for one, number in zip(BACKUP_STATE, BACKUP_NUMBERS, strict=True)
)


def _in_state(states: str) -> str:
    """How many declared series are in these; 0 only while the state of any is known."""
    known = f'count(tramgac_backup_state{{{_SERIES}, state!="blind"}} == 1)'
    return f'count(tramgac_backup_state{{{_SERIES}, state=~"{states}"}} == 1) or 0 * {known}'


def _figure(title: Text, what: Text, states: str, colour: str) -> Stat:
    look = Look(unit="short", steps=any_is(colour), decimals=0)
    return Stat(title, what, (Query(_in_state(states)),), look, width=3, height=4)


_FIGURES = Row(
    Text(vi="Bao nhiêu chuỗi, bao nhiêu có bằng chứng", en="How many series, how many are proven"),
    (
        Stat(
            Text(vi="Chuỗi đã khai báo", en="Series declared"),
            Text(
                vi="Mỗi chuỗi là một bộ dữ liệu đi tới một đích. Không có ở đây là chưa khai báo.",
                en="A series is a dataset on its way to one destination. Not here: not declared.",
            ),
            (Query(_ALL),), COUNT, width=3, height=4,
        ),
        Stat(
            Text(vi="Có đủ bằng chứng", en="Proven"),
            Text(
                vi="Đầy đủ, còn mới, đủ mọi bằng chứng được yêu cầu. Tính trên số đã khai báo.",
                en="Complete, fresh, and every proof asked for is there. Of those declared.",
            ),
            (Query(
                f'(count(tramgac_backup_state{{{_SERIES}, state="ok"}} == 1)'
                f" or 0 * {_ALL}) / {_ALL}"
            ),),
            Look(unit="percentunit", steps=falling(0.5, 0.95), decimals=0, least=0, most=1),
            width=3, height=4,
        ),
        Stat(
            Text(vi="Có kết luận", en="Judged"),
            Text(
                vi="Phần chuỗi đã khai báo có kết luận. Dưới 100 %: các số bên cạnh thiếu.",
                en="Share of the declared series with a verdict. Below 100 %: the rest is less.",
            ),
            (Query(f"count(tramgac_backup_state{{{_SERIES}}} == 1) / {_ALL}"),),
            Look(unit="percentunit", steps=falling(0.8, 1.0), decimals=0, least=0, most=1),
            width=3, height=4, runbook="TramgacSeriesNotJudged",
        ),
        _figure(
            Text(vi="Hỏng hoặc bị chặn", en="Failed or blocked"),
            Text(
                vi="Lần chạy hỏng, bản lưu hư, hoặc kho bị khoá.",
                en="A run failed, a copy is damaged, or something holds the repository.",
            ), "failed|blocked", WORST,
        ),
        _figure(
            Text(vi="Trễ", en="Late"),
            Text(
                vi="Đáng lẽ đã có bản đầy đủ. Khi mất liên lạc, tuổi bản lưu vẫn tăng.",
                en="A complete one should be there. An age grows on while nobody reports.",
            ), "late", BAD,
        ),
        _figure(
            Text(vi="Không nhìn thấy", en="Blind"),
            Text(vi="Không biết tốt hay xấu.", en="Neither good nor bad is known."), "blind", BAD,
        ),
        _figure(
            Text(vi="Thiếu hoặc đáng ngờ", en="Partial or odd"),
            Text(
                vi="Đã chạy, nhưng bỏ sót hoặc để lại điều lạ.",
                en="It ran, and something is missing or odd.",
            ),
            "partial|suspicious", WARN,
        ),
        _figure(
            Text(vi="Chưa chứng minh", en="Unverified"),
            Text(
                vi="Không thấy gì xấu, nhưng còn thiếu bằng chứng: chưa phải là tốt.",
                en="Nothing speaks against it, and a proof is missing: not yet good.",
            ), "unverified", NOTE,
        ),
    ),
)  # fmt: skip

_BY_SERIES = "max by (facility, series) ({what})"


def _of(metric: str, more: str = "") -> str:
    return _BY_SERIES.replace("{what}", f"{metric}{{{_SERIES}{more}}}")


def _ago(metric: str, more: str = "") -> str:
    return f"time() - {_of(metric, more)}"


_MATRIX = Row(
    Text(vi="Từng chuỗi: bộ dữ liệu và đích", en="Every series: dataset and destination"),
    (
        Table(
            Text(vi="Bảng sao lưu", en="Backups"),
            Text(
                vi="Một dòng một chuỗi: cơ sở/máy/bộ dữ liệu@đích. Ô trống: chưa có bằng chứng.",
                en="One line a series: facility/host/dataset@destination. Empty: no evidence.",
            ),
            (
                Query(f"max by (facility, series, state) (tramgac_backup_state{{{_SERIES}}} == 1)"),
                Query(_of("series:tramgac_backup_age:seconds")),
                Query(_of("series:tramgac_backup_age_rpo:ratio")),
                Query(f'{_of("tramgac_backup_next_due_timestamp_seconds")} * 1000'),
                Query(_ago("tramgac_backup_last_check_timestamp_seconds", ', scope="metadata"')),
                Query(_of("tramgac_backup_data_read_ratio")),
                Query(_ago("tramgac_backup_last_drill_timestamp_seconds")),
                Query(_of("tramgac_backup_predicted_restore_seconds")),
                Query(_of("series:tramgac_backup_restore_rto:ratio")),
                Query(_of("tramgac_backup_immutable")),
                Query(f"count by (facility, series) (tramgac_backup_finding{{{_SERIES}}} == 1)"),
            ),
            width=24, height=14,
            columns=(
                Column("series", Text(vi="Chuỗi", en="Series"), width=380),
                Column("state", Text(vi="Kết luận", en="Verdict"), Look(meanings=BACKUP_STATE)),
                Column("B", Text(vi="Tuổi bản tốt", en="Age of good copy"), AGE),
                Column(
                    "C", Text(vi="Tuổi / RPO", en="Age / RPO"),
                    Look(unit="percentunit", steps=rising(0.8, 1.0), decimals=0),
                ),
                Column("D", Text(vi="Hạn kế tiếp", en="Next due"), WHEN),
                Column("E", Text(vi="Kiểm cấu trúc", en="Structure checked"), AGE),
                Column(
                    "F", Text(vi="Đã đọc", en="Data read"),
                    Look(unit="percentunit", steps=falling(0.5, 0.999), decimals=0),
                ),
                Column("G", Text(vi="Diễn tập cuối", en="Last drill"), AGE),
                Column("H", Text(vi="Khôi phục mất", en="Restore takes"), AGE),
                Column(
                    "I", Text(vi="So với RTO", en="Of the RTO"),
                    Look(unit="percentunit", steps=rising(0.8, 1.0), decimals=0),
                ),
                Column("J", Text(vi="Không xoá được", en="Undeletable"),
                       Look(meanings=YES_IS_GOOD)),
                Column("K", Text(vi="Điều sai", en="Findings"),
                       Look(unit="short", steps=(Step(None, GOOD), Step(1, WARN)), decimals=0)),
            ),
            sort=Text(vi="Tuổi / RPO", en="Age / RPO"),
            runbook="BackupLate",
        ),
    ),
)  # fmt: skip

_COPIES = Row(
    Text(vi="Bản sao, điều sai, diễn tập", en="Copies, findings, drills"),
    (
        Table(
            Text(vi="Bản sao của từng bộ dữ liệu", en="Copies of each dataset"),
            Text(
                vi="Bản còn mới ở những nơi không cùng hỏng. Ít hơn yêu cầu: một sự cố mất tất cả.",
                en="Fresh copies that do not fail together. Fewer than asked: one blow takes all.",
            ),
            (
                Query(f"max by (facility, dataset) (tramgac_backup_copies{{{_IN}}})"),
                Query(f"max by (facility, dataset) (tramgac_backup_copies_required{{{_IN}}})"),
                Query(
                    f"max by (facility, dataset) (tramgac_backup_copies{{{_IN}}}"
                    f" - tramgac_backup_copies_required{{{_IN}}})"
                ),
            ),
            width=8, height=9,
            columns=(
                Column("dataset", Text(vi="Bộ dữ liệu", en="Dataset")),
                Column("A", Text(vi="Có", en="There"), COUNT, width=60),
                Column("B", Text(vi="Yêu cầu", en="Asked"), COUNT, width=80),
                Column("C", Text(vi="Thừa hoặc thiếu", en="Over or short"),
                       Look(unit="short", steps=(Step(None, BAD), Step(0, GOOD)), decimals=0),
                       width=130),
            ),
            sort=Text(vi="Thừa hoặc thiếu", en="Over or short"), descending=False,
            runbook="RegulatoryGap",
        ),
        Table(
            Text(vi="Điều sai theo lý do", en="Findings by reason"),
            Text(
                vi="Bao nhiêu chuỗi có từng lý do. Trống: không thấy điều sai nào.",
                en="How many series have each reason. Empty: nothing wrong was found.",
            ),
            (Query(f"count by (reason) (tramgac_backup_finding{{{_SERIES}}} == 1)"),),
            Look(nothing=Text(vi="không thấy", en="none found")),
            width=8, height=9,
            columns=(
                Column("reason", Text(vi="Điều sai", en="Finding"), BACKUP_FINDINGS),
                Column("A", Text(vi="Chuỗi", en="Series"), COUNT, width=70),
            ),
            sort=Text(vi="Chuỗi", en="Series"),
        ),
        Table(
            Text(vi="Diễn tập khôi phục", en="Restore drills"),
            Text(
                vi="Lần đạt gần nhất theo loại: canary, mẫu, toàn bộ, mã khoá.",
                en="The newest that passed, by kind: canary, sample, full, key.",
            ),
            (
                Query(
                    "time() - max by (series, kind)"
                    f" (tramgac_backup_last_drill_timestamp_seconds{{{_SERIES}}})"
                ),
            ),
            width=8, height=9,
            columns=(
                Column("series", Text(vi="Chuỗi", en="Series")),
                Column("kind", Text(vi="Loại", en="Kind"), width=80),
                Column("A", Text(vi="Cách đây", en="Ago"), AGE, width=120),
            ),
            sort=Text(vi="Cách đây", en="Ago"),
        ),
    ),
)  # fmt: skip

_HISTORY = Row(
    Text(vi="Theo thời gian", en="Over time"),
    (
        Timeline(
            Text(vi="Kết luận theo thời gian", en="Verdicts over time"),
            Text(
                vi="Khoảng trống: bộ xét không chạy.",
                en="A gap: the judge did not work.",
            ),
            (Query(_NUMBERED, "{{series}}"),),
            Look(meanings=BACKUP_NUMBERS),
            width=24, height=10,
        ),
        Graph(
            Text(vi="Cỡ bản mới nhất", en="Size of the newest snapshot"),
            Text(
                vi="Tụt mạnh: có thể thiếu dữ liệu. Tăng mạnh: có thể bị mã hoá.",
                en="A deep drop may mean missing data, a jump may mean encryption.",
            ),
            (Query(f"max by (series) (tramgac_backup_snapshot_bytes{{{_SERIES}}})", "{{series}}"),),
            Look(unit="bytes", least=0), width=8,
        ),
        Graph(
            Text(vi="Cỡ kho", en="Size of the repository"),
            Text(vi="Chỗ mà kho chiếm.", en="Room the repository takes."),
            (Query(f"max by (series) (tramgac_backup_repository_bytes{{{_SERIES}}})",
                   "{{series}}"),),
            Look(unit="bytes", least=0), width=8,
        ),
        Graph(
            Text(vi="Thời gian chạy", en="Length of runs"),
            Text(vi="Lần chạy gần nhất.", en="Of the newest run."),
            (Query(f"max by (series) (tramgac_backup_last_run_duration_seconds{{{_SERIES}}})",
                   "{{series}}"),),
            Look(unit="s", least=0), width=8,
        ),
        Table(
            Text(vi="Khoá và lần chạy", en="Locks and runs"),
            Text(
                vi="Khoá bỏ lại chặn mọi lần chạy sau. Mã thoát khác 0: xem nhật ký trên máy.",
                en="A lock left behind stops later runs. Exit code not 0: see that host's log.",
            ),
            (
                Query(_of("tramgac_backup_locks")),
                Query(_of("tramgac_backup_stale_locks")),
                Query(_of("tramgac_backup_last_run_exit_code")),
                Query(_of("tramgac_backup_repository_readable")),
                Query(_of("tramgac_backup_snapshots")),
            ),
            width=24, height=8,
            columns=(
                Column("series", Text(vi="Chuỗi", en="Series"), width=380),
                Column("A", Text(vi="Khoá", en="Locks"), Look(unit="short", steps=NEUTRAL)),
                Column("B", Text(vi="Khoá bỏ lại", en="Stale locks"),
                       Look(unit="short", steps=any_is(BAD))),
                Column("C", Text(vi="Mã thoát", en="Exit code"),
                       Look(unit="none", steps=any_is(WARN))),
                Column("D", Text(vi="Đọc được kho", en="Readable"), Look(meanings=YES_IS_GOOD)),
                Column("E", Text(vi="Số bản", en="Snapshots"),
                       Look(unit="short", steps=(Step(None, UNKNOWN),))),
            ),
            sort=Text(vi="Khoá bỏ lại", en="Stale locks"),
            runbook="BackupBlocked",
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="backups",
    title=Text(vi="Trạm Gác / Sao lưu", en="Trạm Gác / Backups"),
    what=Text(
        vi="Hôm nay khôi phục được dữ liệu nào, về tới lúc nào, mất bao lâu, và điều gì chưa ai"
        " chứng minh.",
        en="Which data could be restored today, to when, how fast, and what nobody has proven.",
    ),
    rows=(_FIGURES, _MATRIX, _COPIES, _HISTORY),
    variables=(FACILITY, _CHOICE),
    span="now-7d",
    refresh="1m",
)
