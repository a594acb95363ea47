"""The page's words in both languages, and how numbers, times and names are written."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

LANGUAGES = ("vi", "en")
# Viet Nam has one zone and no summer time; no time-zone database is needed for it.
VIETNAM = timezone(timedelta(hours=7))

# Vietnamese first, then English.
_WORDS = {
    "title": ("Trạm Gác", "Trạm Gác"),
    "subtitle": ("Giám sát máy chủ bệnh viện", "Hospital server monitoring"),
    "facilities": ("Cơ sở khám chữa bệnh", "Facilities"),
    "agents": ("Máy chủ và tác nhân", "Hosts and agents"),
    "facility": ("Cơ sở", "Facility"),
    "code": ("Mã BHYT", "Insurance code"),
    "state": ("Trạng thái", "State"),
    "coverage": ("Độ phủ", "Coverage"),
    "last_report": ("Báo cáo gần nhất", "Last report"),
    "host": ("Máy", "Host"),
    "site": ("Địa điểm", "Site"),
    "role": ("Vai trò", "Role"),
    "version": ("Phiên bản", "Version"),
    "certificate": ("Chứng thư đến", "Certificate until"),
    "reporting": ("Đang báo cáo", "Reporting"),
    "partial": ("Thiếu một phần", "Partly silent"),
    "silent": ("Im lặng", "Silent"),
    "never": ("Chưa từng báo cáo", "Never reported"),
    "denied": ("Bị từ chối", "Denied"),
    "cloned": ("Nghi bị nhân bản", "Suspected clone"),
    "undeclared": ("Ngoài danh mục", "Not in inventory"),
    "empty": ("Chưa khai báo máy", "No hosts declared"),
    "hosts_reporting": ("máy đang báo cáo", "hosts reporting"),
    "facilities_listed": ("cơ sở trong danh mục", "facilities in the inventory"),
    "hosts_missing": ("máy không báo cáo", "hosts not reporting"),
    "of": ("trên", "of"),
    "server": ("Máy chủ", "Server"),
    "probe": ("Máy đo", "Probe"),
    "nothing": (
        "Danh mục còn trống. Hãy chạy `tramgac-collector inventory import`.",
        "The inventory is empty. Run `tramgac-collector inventory import`.",
    ),
    "no_store": (
        "Cơ sở dữ liệu chưa trả lời. Trang sẽ tự tải lại.",
        "The store does not answer yet. This page reloads by itself.",
    ),
    "not_found": ("Không có trang này.", "There is no such page."),
    "runbooks": ("Hướng dẫn xử lý", "Runbooks"),
    "runbook": ("Hướng dẫn xử lý", "Runbook"),
    "backups": ("Sao lưu", "Backups"),
    "all_backups": ("Mọi bản sao lưu", "All backups"),
    "dataset": ("Dữ liệu và nơi lưu", "Dataset and destination"),
    "why": ("Vì sao, cần làm gì", "Why, and what to do"),
    "good_copy": ("Bản tốt", "Good copy"),
    "due": ("hạn", "due"),
    "checked": ("Kiểm tra", "Checked"),
    "data_read": ("dữ liệu đã đọc", "of data read"),
    "drill": ("Diễn tập", "Drill"),
    "copies": ("Bản sao", "Copies"),
    "canary": ("Dấu thử", "Canary"),
    "sample": ("Mẫu", "Sample"),
    "full": ("Toàn bộ", "Full"),
    "passed": ("đạt", "passed"),
    "not_passed": ("không đạt", "failed"),
    "all": ("Tất cả", "All"),
    "one_facility": ("Chọn cơ sở", "Choose a facility"),
    "series": ("chuỗi", "series"),
    "previous": ("Trang trước", "Previous"),
    "next": ("Trang sau", "Next"),
    "not_judged_yet": (
        "Chưa xét xong; trang này tự tải lại và xét tiếp. Số đơn vị còn lại:",
        "Not all is judged yet; this page reloads by itself and goes on. Facilities left:",
    ),
    "nothing_backed_up": (
        "Không có chuỗi sao lưu nào ở đây. Khai báo dữ liệu (datasets) trong danh mục.",
        "There is no backup series here. Declare datasets in the inventory.",
    ),
    "all_good": ("Không cần làm gì.", "Nothing to do."),
    "rules": ("Quy định", "Rules"),
    "requirement": ("Yêu cầu", "Requirement"),
    "evidence": ("Bằng chứng", "Evidence"),
    "since": ("Từ", "Since"),
    "until": ("đến", "until"),
    "expired": ("đã hết hạn", "expired"),
    "deadlines": ("Thời hạn", "Deadlines"),
    "advisory": ("chỉ tham khảo", "advisory"),
    "accepted": ("Chấp nhận tồn tại, có lộ trình,", "Accepted gap with roadmap,"),
    "excused": ("Có căn cứ miễn trách theo luật,", "Excused by law,"),
    "level_preview": (
        "cấp độ chưa được phê duyệt, xem thử ở cấp 2",
        "level not approved, previewed at level 2",
    ),
    "not_measured": ("Chưa đo được", "Not measured"),
    "not_asked": ("Không áp dụng hoặc chưa đánh giá", "Not applicable or not evaluated"),
    "judged": ("Lần xét cũ nhất:", "Oldest judgement:"),
    "not_judged": ("Chưa có kết quả nào.", "Nothing has been judged yet."),
    "rules_meaning": (
        "Chỉ nói về bằng chứng nêu ở đây. Điều chưa biết không phải là tốt.",
        "This speaks of the evidence named here only. What is not known is not good.",
    ),
    "incidents": ("Sự cố", "Incidents"),
    "no_incidents": (
        "Không có sự cố nào đang mở trong phạm vi được giám sát.",
        "No incident is open in what is monitored.",
    ),
    "judge_silent": (
        "Bộ phận đánh giá ở trung tâm không chạy: sự cố mới chưa hiện ở đây. Báo quản trị viên.",
        "The judge at the centre does not work: new incidents are not shown. Tell its operator.",
    ),
    "facility_gone": (
        "Cơ sở của tài khoản này không còn trong danh mục giám sát. Báo quản trị viên ở trung tâm.",
        "A facility of this account is not in the inventory any more. Tell the centre's operator.",
    ),
    "not_all_read": (
        "Có quá nhiều sự cố đang mở; trang này không nêu hết.",
        "Very many incidents are open; this page does not name them all.",
    ),
    "packs_lost": (
        "yêu cầu chưa đánh giá được vì gói quy định bị lỗi. Báo quản trị viên ở trung tâm.",
        "requirements cannot be judged: their packs are spoilt. Tell the centre's operator.",
    ),
    "take": ("Tôi nhận xử lý", "I take it on"),
    "taken_by": ("Đã nhận xử lý:", "Taken on by"),
    "login": ("Đăng nhập", "Log in"),
    "logout": ("Đăng xuất", "Log out"),
    "account": ("Tài khoản", "Account"),
    "password": ("Mật khẩu", "Password"),
    "login_wrong": ("Tài khoản hoặc mật khẩu không đúng.", "The account or the password is wrong."),
    "login_form": (
        "Trang đăng nhập đã cũ. Hãy thử lại.",
        "This form is too old. Please try again.",
    ),
    "login_busy": (
        "Nhiều người đang đăng nhập. Hãy thử lại sau ít giây.",
        "Many people are logging in. Try again in a few seconds.",
    ),
    "login_wait": (
        "Đã thử sai nhiều lần. Hãy đợi {} phút.",
        "Too many wrong tries. Wait {} min.",
    ),
    "reports": ("Báo cáo", "Reports"),
    "report_number": ("Số", "No."),
    "period": ("Thời gian", "Period"),
    "known_at": ("Theo những gì đã biết đến", "As known at"),
    "given_by": ("Người lập", "Given out by"),
    "province": ("Toàn tỉnh", "The province"),
    "no_reports": ("Chưa có báo cáo nào được phát hành.", "No report was given out yet."),
    "report_altered": (
        "Báo cáo này không còn như lúc phát hành: mã băm không khớp.",
        "This report is not what was given out: its digest does not fit.",
    ),
    "lan": ("Mạng nội bộ", "LAN"),
    "lan_cause": ("Nguyên nhân", "Cause"),
    "lan_step": ("Việc cần làm", "Next step"),
    "lan_no_findings": (
        "Không có phát hiện nào đang mở ở những gì được đo. Điều chưa biết không phải là tốt.",
        "No finding is open in what is measured. What is not known is not good.",
    ),
    "lan_no_devices": (
        "Chưa khai báo thiết bị nào trong danh mục.",
        "No device is declared in the inventory.",
    ),
    "lan_devices": ("Thiết bị", "Devices"),
    "lan_answering": ("Có trả lời", "Answers"),
    "lan_not_answering": ("Không trả lời", "Does not answer"),
    "lan_asleep": ("Đang ngủ hoặc tắt", "Asleep or off"),
    "lan_not_asked": ("Không được hỏi qua SNMP", "Not asked by SNMP"),
    "lan_not_known": ("Chưa biết", "Not known"),
    "lan_on_battery": ("Chạy ắc quy", "On battery"),
    "lan_on_mains": ("Có điện lưới", "On the mains"),
    "lan_charge": ("Ắc quy", "Charge"),
    "lan_load": ("Tải", "Load"),
    "lan_runtime": ("Còn chạy được", "Runtime"),
    "lan_runtime_doubtful": ("Còn chạy được (không chắc)", "Runtime (doubtful)"),
    "lan_census": ("Cổng cho máy trạm", "Workstation ports"),
    "lan_segment": ("Phân đoạn", "Segment"),
    "lan_speeds": ("Đang nối (Mbit/s)", "Up (Mbit/s)"),
    "lan_down": ("Không nối", "Down"),
    "lan_half_duplex": ("Bán song công", "Half duplex"),
    "lan_slowed": ("Tụt tốc độ", "Slowed"),
    "lan_errors": ("Nhiều lỗi", "With errors"),
    "lan_stations": ("Máy thấy được", "Stations seen"),
    "lan_known": ("Đã biết", "Known"),
    "lan_declared": ("Khai báo", "Declared"),
    "lan_tests": ("Đo tốc độ", "Speed tests"),
    "lan_paths": ("Đường mạng", "Paths"),
    "lan_send": ("chiều gửi", "sent"),
    "lan_receive": ("chiều nhận", "received"),
    "lan_floor": ("mức tối thiểu", "floor"),
    "lan_capacity": ("sức tải", "capacity"),
    "lan_held": ("đạt", "held"),
    "lan_not_held": ("không đạt", "not held"),
    "lan_measured": ("đo được", "measured"),
    "lan_lower_bound": ("ít nhất chừng ấy", "at least that"),
    "lan_aborted": ("dừng giữa chừng", "broken off"),
    "lan_refused": ("không đo", "not made"),
    "lan_loss": ("mất gói", "lost"),
    "lan_other": ("khác", "other"),
    "as_of": ("Tính đến", "As of"),
    "zone": ("giờ Việt Nam", "Viet Nam time"),
    "skip": ("Đến nội dung", "Skip to content"),
    "now": ("vừa xong", "just now"),
    "minutes": ("{} phút trước", "{} min ago"),
    "hours": ("{} giờ trước", "{} h ago"),
    "days": ("{} ngày trước", "{} d ago"),
}

_TONES = "\u0300\u0309\u0303\u0301\u0323"  # huyền, hỏi, ngã, sắc, nặng: the dictionary's order
_LETTERS = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_RANK = {letter: number for number, letter in enumerate(_LETTERS, 100)}


def knows(key: str) -> bool:
    """Whether there is such a text: codes of later versions have none yet."""
    return key in _WORDS


def word(key: str, language: str) -> str:
    """One text of the table."""
    return _WORDS[key][LANGUAGES.index(language)]


def age(seconds: float, language: str) -> str:
    """How long ago, roughly."""
    minutes = int(max(0.0, seconds) // 60)
    if minutes < 1:
        return word("now", language)
    if minutes < 90:  # noqa: PLR2004 - "70 min" is still easier to read than "1 h"
        return word("minutes", language).format(minutes)
    hours = minutes // 60
    if hours < 48:  # noqa: PLR2004 - the same for hours
        return word("hours", language).format(hours)
    return word("days", language).format(hours // 24)


def moment(at_ms: int) -> str:
    """Date and time in Viet Nam."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(VIETNAM)
    return at.strftime("%d/%m/%Y %H:%M:%S")


def day(at_ms: int) -> str:
    """Date in Viet Nam."""
    return moment(at_ms)[:10]


def sort_key(text: str) -> tuple[list[int], list[int]]:
    """Dictionary order of Vietnamese: letters first (ă after a, đ after d), then tones."""
    letters, tones = [], []
    for char in unicodedata.normalize("NFC", text.casefold()):
        parts = unicodedata.normalize("NFD", char)
        tone = next((_TONES.index(mark) + 1 for mark in parts if mark in _TONES), 0)
        bare = "".join(mark for mark in parts if mark not in _TONES)
        letter = unicodedata.normalize("NFC", bare)
        letters.append(_RANK.get(letter, ord(letter[0]) if ord(letter[0]) < 100 else 200))  # noqa: PLR2004
        tones.append(tone)
    return letters, tones
