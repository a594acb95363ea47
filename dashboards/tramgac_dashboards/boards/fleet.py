"""Fleet health: whether the agents themselves are well, and what they could not hand over."""

from tramgac_dashboards.choices import FACILITY
from tramgac_dashboards.model import (
    Bars,
    Board,
    Column,
    Graph,
    Link,
    Look,
    Query,
    Row,
    Stat,
    Step,
    Table,
    Text,
    Timeline,
)  # fmt: skip
from tramgac_dashboards.palette import (
    BAD,
    COUNT,
    COVERAGE,
    NEUTRAL,
    UP,
    WARN,
    any_is,
    falling,
    rising,
)  # fmt: skip
from tramgac_dashboards.pieces import DAY

_IN = 'facility=~"$facility"'
_UP = f"tramgac_agent_up{{{_IN}}}"

_FIGURES = Row(
    Text(vi="Các tác nhân", en="The agents"),
    (
        Stat(
            Text(vi="Máy khai báo có tác nhân", en="Hosts declared"),
            Text(vi="Theo danh mục.", en="By the inventory."),
            (Query(f"count({_UP})"),), COUNT, width=3, height=4,
        ),
        Stat(
            Text(vi="Độ phủ", en="Coverage"),
            Text(
                vi="Phần máy đang gọi về. Mọi con số khác chỉ nói về phần này.",
                en="Share that reports now. Every other figure speaks of these only.",
            ),
            (Query(f"avg({_UP})"),), COVERAGE, width=3, height=4, runbook="TramgacCoverageLow",
        ),
        Stat(
            Text(vi="Im lặng", en="Silent"),
            Text(vi="Quá 110 giây không gọi.", en="No call for over 110 s."),
            (Query(f"count({_UP} == 0) or 0 * count({_UP})"),),
            Look(unit="short", steps=any_is(BAD), decimals=0), width=3, height=4,
            runbook="AgentSilent",
        ),
        Stat(
            Text(vi="Chưa từng gọi", en="Never came"),
            Text(
                vi="Đã khai báo nhưng chưa gọi lần nào.",
                en="Declared, and never called once.",
            ),
            (Query(
                f"count({_UP} unless on(facility, site, host)"
                f" tramgac_agent_last_seen_timestamp_seconds{{{_IN}}}) or 0 * count({_UP})"
            ),),
            Look(unit="short", steps=any_is(WARN), decimals=0), width=3, height=4,
            runbook="TramgacHostNeverReported",
        ),
        Stat(
            Text(vi="Bản ghi chờ gửi", en="Records waiting"),
            Text(
                vi="Trên đĩa của các tác nhân, theo lần gọi cuối. Sau khi nối lại phải giảm dần.",
                en="On the agents' disks, by their last call. After an outage it must get smaller.",
            ),
            (Query(f"sum(tramgac_agent_outbox_records{{{_IN}}})"),),
            Look(unit="short", steps=NEUTRAL), width=4, height=4, runbook="TramgacOutboxGrowing",
        ),
        Stat(
            Text(vi="Đồng hồ lệch nhất", en="Worst clock"),
            Text(
                vi="Số liệu vẫn được chỉnh lại theo giờ trung tâm.",
                en="Its data is corrected meanwhile.",
            ),
            (Query(f"max(abs(tramgac_agent_clock_offset_seconds{{{_IN}}}))"),),
            Look(unit="s", steps=rising(10, 30)), width=4, height=4, runbook="ClockWrong",
        ),
        Stat(
            Text(vi="Chứng thư hết hạn sớm nhất", en="Next certificate to end"),
            Text(
                vi="Tác nhân tự gia hạn từ 120 ngày trước. Dưới 14 ngày: việc gia hạn đang hỏng.",
                en="Agents renew from 120 days before. Under 14 days renewal does not work.",
            ),
            (Query(
                f"min(tramgac_agent_certificate_expiry_timestamp_seconds{{{_IN}}}) - time()"
            ),),
            Look(unit="s", steps=falling(14 * DAY, 90 * DAY), decimals=0), width=4, height=4,
            runbook="TramgacAgentCertificatesEnding",
        ),
    ),
)  # fmt: skip


def _of(what: str) -> str:
    return f"max by (facility, site, host) ({what})"


_AGENTS = Row(
    Text(vi="Từng tác nhân", en="Every agent"),
    (
        Table(
            Text(vi="Tác nhân", en="Agents"),
            Text(
                vi="Tác nhân im lặng vẫn ở đây với lần gọi cuối. Ô trống: chưa biết.",
                en="A silent agent stays here with its last call. Empty: not known.",
            ),
            (
                Query(_of(_UP)),
                Query(
                    "max by (facility, site, host, version)"
                    f" (tramgac_agent_info{{{_IN}}})"
                ),
                Query("time() - " + _of(f"tramgac_agent_last_seen_timestamp_seconds{{{_IN}}}")),
                Query(_of(f"tramgac_agent_outbox_records{{{_IN}}}")),
                Query(_of(f"tramgac_agent_clock_offset_seconds{{{_IN}}}")),
                Query(
                    _of(f"tramgac_agent_certificate_expiry_timestamp_seconds{{{_IN}}}")
                    + " - time()"
                ),
                Query(_of(f"tramgac_agent_resident_memory_bytes{{{_IN}}}")),
                Query(
                    f"sum by (facility, site, host) (tramgac_check_success{{{_IN}}} == bool 0)"
                ),
                Query(f"sum by (facility, site, host) (tramgac_agent_lost_records{{{_IN}}})"),
            ),
            width=24, height=13,
            columns=(
                Column("facility", Text(vi="Cơ sở", en="Facility"), link=Link("facility")),
                Column("site", Text(vi="Địa điểm", en="Site")),
                Column("host", Text(vi="Máy", en="Host"), link=Link("server", "host")),
                Column("A", Text(vi="Trạng thái", en="State"), Look(meanings=UP)),
                Column("version", Text(vi="Phiên bản", en="Version"), width=100),
                Column("C", Text(vi="Gọi lần cuối", en="Last call"),
                       Look(unit="s", steps=rising(60, 110))),
                Column("D", Text(vi="Chờ gửi", en="Waiting"), COUNT),
                Column("E", Text(vi="Lệch giờ", en="Clock off"), Look(unit="s", steps=NEUTRAL)),
                Column("F", Text(vi="Chứng thư còn", en="Certificate left"),
                       Look(unit="s", steps=falling(14 * DAY, 90 * DAY))),
                Column("G", Text(vi="Bộ nhớ", en="Memory"),
                       Look(unit="bytes", steps=rising(45 * 2**20, 96 * 2**20))),
                Column("H", Text(vi="Phép đo hỏng", en="Checks failing"),
                       Look(unit="short", steps=any_is(WARN), decimals=0)),
                Column("I", Text(vi="Bản ghi mất", en="Records lost"),
                       Look(unit="short", steps=any_is(BAD), decimals=0,
                            nothing=Text(vi="không thấy", en="none known"))),
            ),
            sort=Text(vi="Gọi lần cuối", en="Last call"),
            runbook="AgentSilent",
        ),
    ),
)  # fmt: skip

_WORK = Row(
    Text(vi="Phép đo và phiên bản", en="Checks and versions"),
    (
        Bars(
            Text(vi="Phiên bản", en="Versions"),
            Text(
                vi="Tác nhân cũ hơn hai phiên bản vẫn được nhận, nhưng nên nâng cấp.",
                en="Agents two versions behind are still taken, and should be upgraded.",
            ),
            (Query(f"count by (version) (tramgac_agent_info{{{_IN}}})", "{{version}}"),),
            COUNT, width=6, height=8, runbook="TramgacVersionsMany",
        ),
        Bars(
            Text(vi="Phép đo hỏng, theo loại", en="Checks that fail, by kind"),
            Text(
                vi="Bao nhiêu máy mà phép đo không làm được. Ở đó tác nhân không nhìn thấy gì.",
                en="On how many hosts a check could not do its work. The agent is blind there.",
            ),
            (Query(
                f"sum by (check) (tramgac_check_success{{{_IN}}} == bool 0)", "{{check}}"
            ),),
            Look(unit="short", steps=any_is(WARN), decimals=0, least=0), width=6, height=8,
            runbook="TramgacCheckFailing",
        ),
        Bars(
            Text(vi="Bản ghi đã mất, theo lý do", en="Records lost, by reason"),
            Text(
                vi="Đã biết là mất, kể cả do tự thưa bớt khi đầy. Trống: chưa ai báo mất.",
                en="Known to be gone, thinning of a full outbox too. Empty: none is known.",
            ),
            (Query(f"sum by (reason) (tramgac_agent_lost_records{{{_IN}}})", "{{reason}}"),),
            Look(unit="short", steps=any_is(WARN), decimals=0, least=0,
                 nothing=Text(vi="không thấy", en="none known")),
            width=6, height=8, runbook="TramgacRecordsLost",
        ),
        Bars(
            Text(vi="Lượt bị từ chối, 1 giờ", en="Calls refused, 1 h"),
            Text(
                vi="Theo lý do: cloned là hai máy chung một danh tính, denied là đã bị cấm.",
                en="By reason: cloned is two machines with one identity, denied was forbidden.",
            ),
            (Query("sum by (code) (increase(tramgac_collector_refused_total[1h]))", "{{code}}"),),
            Look(unit="short", steps=any_is(WARN), decimals=0, least=0,
                 nothing=Text(vi="chưa thấy", en="none seen")),
            width=6, height=8, runbook="TramgacCallsRefused",
        ),
    ),
)  # fmt: skip

_HISTORY = Row(
    Text(vi="Theo thời gian", en="Over time"),
    (
        Timeline(
            Text(vi="Ai gọi về", en="Who calls"),
            Text(
                vi="Mỗi dòng một máy. Khoảng trống: bộ thu nhận không chạy.",
                en="A line a host. A gap: the collector did not run.",
            ),
            (Query(_of(_UP), "{{facility}}/{{host}}"),),
            Look(meanings=UP), width=24, height=12,
        ),
        Graph(
            Text(vi="Chờ gửi", en="Waiting to be sent"),
            Text(
                vi="Mười tác nhân chờ nhiều nhất. Sau khi nối lại phải giảm dần.",
                en="The ten with most. After a return it must fall.",
            ),
            (Query(
                f"topk(10, {_of(f'tramgac_agent_outbox_records{{{_IN}}}')})",
                "{{facility}}/{{host}}",
            ),),
            Look(unit="short", least=0), width=12,
        ),
        Graph(
            Text(vi="Đồng hồ lệch", en="Clocks"),
            Text(
                vi="Giờ trung tâm trừ giờ của máy. Quá 30 giây: cần chỉnh NTP.",
                en="Centre's clock minus the host's. Over 30 s: look at NTP.",
            ),
            (Query(
                _of(f"tramgac_agent_clock_offset_seconds{{{_IN}}}"), "{{facility}}/{{host}}"
            ),),
            Look(unit="s"), width=12, runbook="ClockWrong",
        ),
        Graph(
            Text(vi="Bộ nhớ của tác nhân", en="Memory of the agents"),
            Text(vi="Ngân sách: 45 MiB.", en="The budget is 45 MiB."),
            (Query(
                _of(f"tramgac_agent_resident_memory_bytes{{{_IN}}}"), "{{facility}}/{{host}}"
            ),),
            Look(unit="bytes", steps=rising(45 * 2**20, 96 * 2**20), least=0), width=8,
        ),
        Graph(
            Text(vi="CPU của tác nhân", en="CPU of the agents"),
            Text(
                vi="Phần của một nhân, kể cả tiến trình con. 0,4 % là 14 giây mỗi giờ.",
                en="Share of one core, children included. 0.4 % are 14 s an hour.",
            ),
            (Query(
                "max by (facility, site, host)"
                f" (rate(tramgac_agent_cpu_seconds_total{{{_IN}}}[$__rate_interval]))",
                "{{facility}}/{{host}}",
            ),),
            Look(unit="percentunit", least=0), width=8,
        ),
        Graph(
            Text(vi="Lần đo bị bỏ", en="Runs missed"),
            Text(
                vi="Từ khi tác nhân khởi động: máy ngủ, quá tải hoặc đồng hồ nhảy.",
                en="Since the agent's start: the host slept, was overloaded or its clock jumped.",
            ),
            (Query(
                "sum by (facility, site, host)"
                f" (tramgac_check_missed_runs{{{_IN}}})", "{{facility}}/{{host}}",
            ),),
            Look(unit="short", steps=(Step(None, WARN),), least=0, decimals=0), width=8,
        ),
    ),
)  # fmt: skip

BOARD = Board(
    name="fleet",
    title=Text(vi="Trạm Gác / Các tác nhân", en="Trạm Gác / Fleet health"),
    what=Text(
        vi="Tác nhân có khoẻ không: máy nào im lặng, tồn đọng, lệch giờ, sắp hết chứng thư.",
        en="Whether the agents are well: silent, behind, wrong clock, certificate about to end.",
    ),
    rows=(_FIGURES, _AGENTS, _WORK, _HISTORY),
    variables=(FACILITY,),
)
