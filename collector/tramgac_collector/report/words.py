"""The report's words in both languages, and how lengths and shares are written."""

from tramgac_collector.web.words import LANGUAGES

Pair = tuple[str, str]

# Vietnamese first, then English.
WORDS: dict[str, Pair] = {
    "title": ("Báo cáo hai tuần về hạ tầng và quy định", "Two-week report on systems and rules"),
    "number": ("Số", "No."),
    "draft": ("Bản nháp, chưa phát hành", "Draft, not given out"),
    "window": ("Thời gian", "Period"),
    "known": ("Theo những gì đã biết đến", "As known at"),
    "zone": ("giờ Việt Nam", "Viet Nam time"),
    "province": ("Toàn tỉnh", "The province"),
    "decide": ("Việc cần quyết định, gấp nhất ở trên", "What needs a decision, worst first"),
    "nothing": (
        "Không phát hiện tồn tại trong phạm vi bằng chứng nêu trên.",
        "No gap observed in the evidence listed.",
    ),
    "too_dark": (
        "Chưa biết: thời gian theo dõi không đủ để kết luận.",
        "Not known: it was not monitored enough to tell.",
    ),
    "no_decision": (
        "Không có việc nào cần quyết định trong phạm vi bằng chứng đã nhận.",
        "Nothing needs a decision by the evidence received.",
    ),
    "standing": ("Các cơ sở, theo điều xấu nhất", "Facilities by their worst finding"),
    "state.act": ("Có việc phải làm", "Something to act on"),
    "state.unknown": ("Chưa biết đủ để kết luận", "Not enough is known"),
    "state.advisory": ("Chỉ có tồn tại tham khảo", "Advisory gaps only"),
    "state.none_observed": ("Không phát hiện tồn tại", "No gap observed"),
    "facilities": ("cơ sở", "facilities"),
    "facility": ("Cơ sở", "Facility"),
    "cover": ("Độ phủ", "Coverage"),
    "no_cover": ("chưa khai máy nào", "no host declared"),
    "cover_says": (
        "Độ phủ: phần thời gian trung tâm nghe được các máy. Không nghe thì không biết.",
        "Coverage: the share of time the hosts were heard. Not heard is not known.",
    ),
    "heard": ("Nhận đủ các máy", "All hosts heard"),
    "part_heard": ("Nhận một phần", "Some heard"),
    "dark": ("Không theo dõi được", "Not monitored"),
    "outages": ("Gián đoạn theo nguyên nhân", "Outages by cause"),
    "each_outage": ("Từng sự cố", "Each incident"),
    "planned": ("Bảo trì có kế hoạch (không tính vào gián đoạn)", "Planned work (not counted)"),
    "findings": ("Ổ đĩa, đồng hồ, mạng, chứng thư", "Disks, clocks, network, certificates"),
    "disk_use": ("Ổ đĩa đã dùng", "Disk used"),
    "certificate": ("Chứng thư hết hạn", "Certificate ends"),
    "backups": ("Sao lưu và khôi phục", "Backups and restores"),
    "gaps": ("Tồn tại so với quy định", "Regulatory gaps"),
    "deadlines": ("Thời hạn sắp tới", "Deadlines ahead"),
    "moves": ("Thay đổi trong kỳ", "Changes in the period"),
    "opened": ("Mới phát hiện", "Opened"),
    "closed": ("Đã hết", "Closed"),
    "lost": ("Không còn bằng chứng (chưa phải là hết)", "Out of sight (not closed)"),
    "amendments": ("Đính chính báo cáo số", "Corrections to report no."),
    "no_amendments": (
        "Các số liệu của báo cáo trước vẫn như đã nêu.",
        "The figures of the report before read as they did.",
    ),
    "made": ("Cách lập báo cáo", "How it was made"),
    "place": ("Nơi", "Where"),
    "what": ("Việc", "What"),
    "cause": ("Nguyên nhân", "Cause"),
    "count": ("Số lần", "Times"),
    "length": ("Tổng", "Total"),
    "longest": ("Lâu nhất", "Longest"),
    "from": ("Từ", "From"),
    "to": ("Đến", "To"),
    "still": ("chưa hết", "still"),
    "not_seen": ("không còn nhìn thấy", "not seen any more"),
    "first_cause": ("lúc đầu ghi", "first told as"),
    "down": ("đã ngừng bên trong", "down inside"),
    "vendor": ("đã giao", "handed to"),
    "whole": ("cả cơ sở", "whole facility"),
    "reason": ("Lý do", "Reason"),
    "dataset": ("Dữ liệu", "Dataset"),
    "good": ("Bản tốt gần nhất", "Last good copy"),
    "none_known": ("chưa biết bản nào", "none known"),
    "rpo": ("Quá RPO", "RPO passed"),
    "times": ("{} lần", "{} times"),
    "now_passed": ("cuối kỳ vẫn quá", "still passed at the end"),
    "not_known": ("không biết", "not known"),
    "unseen": ("không biết", "not known"),
    "drills": ("Diễn tập", "Drills"),
    "no_drill": ("không có", "none"),
    "rto": ("Dự đoán khôi phục / RTO", "Predicted restore / RTO"),
    "requirement": ("Yêu cầu", "Requirement"),
    "status": ("Trạng thái", "Status"),
    "since": ("Từ", "Since"),
    "advisory": ("tham khảo", "advisory"),
    "accepted": ("chấp nhận tồn tại, có lộ trình, đến", "accepted gap with roadmap, until"),
    "excused": ("pháp luật cho phép, đến", "excused by law, until"),
    "missing": ("còn thiếu", "missing"),
    "due": ("Hạn", "Due"),
    "day_of": ("ngày", "on"),
    "was": ("Đã ghi", "Was"),
    "now": ("Nay là", "Now"),
    "why": ("Vì sao", "Why"),
    "more": ("và {} mục nữa", "and {} more"),
    "software": ("Phần mềm", "Software"),
    "inventory": ("Danh mục số", "Inventory no."),
    "packs": ("Bộ quy tắc", "Rule packs"),
    "work": ("Trung tâm hoạt động", "The centre was at work"),
    "of": ("trên", "of"),
    "judged.again": (
        "Tồn tại được xét lại vào cuối kỳ theo bằng chứng đã biết; không dùng độ trễ.",
        "Gaps are judged again at the end of the period by what is known, without hysteresis.",
    ),
    "judged.shown": (
        "Tồn tại ghi như đã hiển thị lúc đó; độ phủ của từng quy tắc khi ấy không lưu.",
        "Gaps are as they were shown then; coverage of each rule was not recorded.",
    ),
    "unmeasured": ("Chưa đo hoặc chưa khai", "Not measured or not declared"),
    "digest": ("Mã băm số liệu", "Digest of the figures"),
    "sign": (
        "Báo cáo này chỉ nêu điều bằng chứng cho thấy; không thay cho đánh giá độc lập.",
        "This report says what the evidence shows; it is no independent assessment.",
    ),
    "shared": ("Nhà cung cấp và trung tâm", "Providers and the centre"),
    "gap_counts": ("Kết quả theo quy tắc", "Results by rule"),
    # Kinds of decisions.
    "kind.no_good_copy": ("Chưa biết bản sao lưu tốt nào", "No good backup copy is known"),
    "kind.rpo_open": ("Sao lưu đang quá RPO", "Backup past its RPO"),
    "kind.drill_failed": ("Diễn tập khôi phục không đạt", "Restore drill failed"),
    "kind.outage_open": ("Sự cố chưa hết", "Incident still open"),
    "kind.dark": ("Theo dõi dưới 95 % thời gian", "Monitored less than 95 % of the time"),
    "kind.deadline": ("Thời hạn trong 30 ngày hoặc đã qua", "Deadline within 30 days or passed"),
    "kind.gap": ("Tồn tại so với quy định", "Regulatory gap"),
    "kind.overlay_ending": ("Chấp nhận tồn tại sắp hết hạn", "Accepted gap ends soon"),
    "kind.advisory": (
        "Tồn tại tham khảo hoặc ngoài quy định bắt buộc",
        "Advisory gaps, or gaps outside binding law",
    ),
    # Amendments.
    "what.cover": ("Độ phủ", "Coverage"),
    "what.incident": ("Sự cố", "Incident"),
    "what.backup": ("Sao lưu", "Backup"),
    "what.drill": ("Diễn tập", "Drill"),
    "what.rule": ("Quy tắc", "Rule"),
    "field.ratio": ("độ phủ", "coverage"),
    "field.code": ("loại", "kind"),
    "field.cause": ("nguyên nhân", "cause"),
    "field.length": ("thời lượng", "length"),
    "field.good": ("bản tốt gần nhất", "last good copy"),
    "field.passed": ("số lần quá RPO", "times past its RPO"),
    "field.longest": ("lần quá lâu nhất", "longest time past"),
    "field.result": ("kết quả", "result"),
    "field.status": ("trạng thái", "status"),
    "why.late_evidence": ("bằng chứng đến muộn", "late evidence"),
    "why.relabelled": ("đã rõ nguyên nhân sau khi có lại liên lạc", "cause became clear later"),
    "why.packs_changed": ("bộ quy tắc đã đổi", "rule packs changed"),
    "why.software_changed": ("phần mềm đã đổi", "the software changed"),
    "result.passed": ("đạt", "passed"),
    "result.failed": ("không đạt", "failed"),
    "result.inconclusive": ("chưa kết luận", "inconclusive"),
}
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_LENGTHS: dict[str, Pair] = {
    "s": ("{} giây", "{} s"),
    "min": ("{} phút", "{} min"),
    "h": ("{} giờ {} phút", "{} h {} min"),
    "d": ("{} ngày {} giờ", "{} d {} h"),
}


def word(key: str, language: str) -> str:
    """One text; a key nobody wrote words for is shown as it is."""
    found = WORDS.get(key)
    return key if found is None else found[LANGUAGES.index(language)]


def length(ms: int, language: str) -> str:
    """How long something lasted, rounded down."""
    if ms < _MINUTE:
        return _said("s", language, ms // 1000)
    if ms < 2 * _HOUR:
        return _said("min", language, ms // _MINUTE)
    if ms < 2 * _DAY:
        return _said("h", language, ms // _HOUR, ms % _HOUR // _MINUTE)
    return _said("d", language, ms // _DAY, ms % _DAY // _HOUR)


def _said(key: str, language: str, *numbers: int) -> str:
    return _LENGTHS[key][LANGUAGES.index(language)].format(*numbers)


def share(ratio: float, language: str) -> str:
    """A share in per cent, never rounded up: what is not whole does not read as whole."""
    text = f"{int(ratio * 1000 + 1e-6) / 10:.1f} %"
    return text.replace(".", ",") if language == "vi" else text
