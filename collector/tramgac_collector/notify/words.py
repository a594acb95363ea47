"""What an incident is called, and what to do about it: Vietnamese and English, one table.

Short, for whoever looks after the servers of a hospital; nobody is blamed.
"""

from typing import NamedTuple

from tramgac_collector.backups.reasons import WORDS as BACKUP_REASONS
from tramgac_collector.incidents.codes import CODES
from tramgac_collector.notify.plain import plain
from tramgac_proto.lanwords import DEVICE_WORDS, PATH_CAUSES, PORT_WORDS, PRINTER_ERRORS, LanWords

LANGUAGES = ("vi", "en")


class Words(NamedTuple):
    """One code for people.

    Attributes:
        short: For a text message, Vietnamese then English; at most 28 characters.
        text: What holds.
        step: What to do next.
    """

    short: tuple[str, str]
    text: tuple[str, str]
    step: tuple[str, str]


_LOOK_AT_SITE = (
    "Gọi cho cơ sở: có điện không, bộ định tuyến có sáng đèn không; rồi gọi nhà mạng.",
    "Call the site: is there power, are the router's lights on; then call the carrier.",
)
_LOOK_AT_HOST = (
    "Gọi người trực tại chỗ: máy có chạy, có mạng không; xem dịch vụ tramgac-agent.",
    "Call whoever is there: is it running, is it connected; look at the service tramgac-agent.",
)
_LOOK_AT_PATH = (
    "Đo lại từ máy khác trong cùng mạng; kiểm tra dây, bộ chuyển mạch, rồi nhà mạng.",
    "Measure from another machine; check cable and switch, then the carrier.",
)
_LOOK_AT_DISK = (
    "Sao lưu ngay nếu còn đọc được, xem nhật ký nhân hệ điều hành, chuẩn bị ổ thay.",
    "Back up now while it can be read, look at the kernel's log, have a new disk ready.",
)
_LOOK_AT_BACKUP = (
    "Mở trang Sao lưu của cơ sở: mỗi chuỗi có lý do và việc cần làm.",
    "Open the facility's Backups page: every series has its reason and what to do.",
)
_RENEW = (
    "Gia hạn chứng thư trước ngày hết hạn; tác nhân tự gia hạn khi liên lạc được với trung tâm.",
    "Renew it before it ends; an agent renews its own as soon as it reaches the centre.",
)

WORDS: dict[str, Words] = {
    "site_unreachable": Words(
        ("Mất liên lạc cơ sở", "Site unreachable"),
        ("Mất liên lạc với cả địa điểm.", "The whole site is unreachable."),
        _LOOK_AT_SITE,
    ),
    "region_link_down": Words(
        ("Đứt tuyến nhà mạng", "Carrier line down"),
        (
            "Nhiều địa điểm trên cùng một tuyến của nhà mạng cùng mất liên lạc.",
            "Several sites on one line of a carrier went silent together.",
        ),
        (
            "Gọi nhà mạng của tuyến này và ghi giờ báo: `incidents hand-over`.",
            "Call this line's carrier and note when: `incidents hand-over`.",
        ),
    ),
    "provider_down": Words(
        ("Nhà cung cấp gián đoạn", "Provider down"),
        (
            "Hệ thống của nhiều cơ sở cùng gián đoạn ở một nhà cung cấp.",
            "Systems of several facilities are down at one provider.",
        ),
        (
            "Gọi nhà cung cấp và ghi giờ báo: `incidents hand-over`.",
            "Call the provider and note when: `incidents hand-over`.",
        ),
    ),
    "collector_uplink_suspected": Words(
        ("Nghi đường mạng TT", "Centre uplink suspected"),
        (
            "Nhiều địa điểm cùng im lặng: nghi đường mạng của chính trung tâm.",
            "Many sites went silent at once: the centre's own uplink is suspected.",
        ),
        (
            "Kiểm tra đường truyền và tường lửa của trung tâm trước khi gọi các cơ sở.",
            "Check the centre's uplink and firewall before calling any site.",
        ),
    ),
    "agent_silent": Words(
        ("Máy chủ im lặng", "Server silent"),
        ("Không nhận được báo cáo từ máy này.", "Nothing is heard from this machine."),
        _LOOK_AT_HOST,
    ),
    "host_rebooted": Words(
        ("Máy chủ khởi động lại", "Server rebooted"),
        ("Máy đã khởi động lại.", "The machine was restarted."),
        (
            "Nếu không ai chủ động làm: xem nguồn điện, UPS và nhật ký máy.",
            "If nobody meant it: look at power, UPS and the machine's log.",
        ),
    ),
    "host_unclean_stop": Words(
        ("Máy dừng đột ngột", "Unclean stop"),
        (
            "Máy đã dừng đột ngột, không tắt đúng cách.",
            "The machine stopped without being shut down.",
        ),
        (
            "Kiểm tra điện, UPS; kiểm tra cơ sở dữ liệu trên máy đó còn nguyên vẹn.",
            "Check power and UPS; check that its databases are whole.",
        ),
    ),
    "disk_filling": Words(
        ("Ổ đĩa sắp đầy", "Disk filling"),
        ("Ổ đĩa sắp đầy.", "A disk is filling up."),
        (
            "Xem thư mục nào lớn nhanh; dọn nhật ký, tệp tạm hoặc thêm dung lượng.",
            "See what grows; clear logs and scratch files, or add space.",
        ),
    ),
    "disk_readonly": Words(
        ("Ổ đĩa chỉ đọc", "Disk read-only"),
        ("Ổ đĩa đã chuyển sang chỉ đọc.", "A disk turned read-only."),
        _LOOK_AT_DISK,
    ),
    "disk_hung": Words(
        ("Ổ đĩa bị treo", "Disk hangs"),
        ("Ổ đĩa không trả lời.", "A disk does not answer."),
        _LOOK_AT_DISK,
    ),
    "disk_errors": Words(
        ("Ổ đĩa lỗi", "Disk errors"),
        ("Ổ đĩa báo lỗi đọc ghi.", "A disk reports errors."),
        _LOOK_AT_DISK,
    ),
    "service_down": Words(
        ("Hệ thống ngừng", "System down"),
        ("Hệ thống không trả lời.", "The system does not answer."),
        (
            "Xem máy và dịch vụ của hệ thống đó; gọi nhà cung cấp phần mềm nếu cần.",
            "Look at its machine and service; call its vendor if need be.",
        ),
    ),
    "service_partly_unreachable": Words(
        ("Hệ thống lúc thấy lúc không", "System partly unreachable"),
        (
            "Hệ thống trả lời nơi này nhưng không trả lời nơi khác.",
            "The system answers from one place and not from another.",
        ),
        _LOOK_AT_PATH,
    ),
    "service_flapping": Words(
        ("Hệ thống chập chờn", "System flapping"),
        ("Hệ thống lúc được lúc không.", "The system comes and goes."),
        (
            "Xem tải, bộ nhớ và nhật ký của hệ thống quanh các lần ngừng.",
            "Look at load, memory and its log around the times it failed.",
        ),
    ),
    "link_down": Words(
        ("Đứt dây mạng", "Link down"),
        ("Cổng mạng mất kết nối.", "A network link is down."),
        _LOOK_AT_PATH,
    ),
    "link_slow": Words(
        ("Cổng mạng chậm", "Link slow"),
        ("Cổng mạng chạy chậm hơn trước.", "A network link runs slower than it did."),
        _LOOK_AT_PATH,
    ),
    "link_half_duplex": Words(
        ("Cổng mạng bán song công", "Link half duplex"),
        ("Cổng mạng chạy bán song công.", "A network link runs at half duplex."),
        _LOOK_AT_PATH,
    ),
    "path_loss": Words(
        ("Mất gói tin", "Packet loss"),
        ("Đường mạng mất gói tin.", "The path loses packets."),
        _LOOK_AT_PATH,
    ),
    "path_slow": Words(
        ("Mạng trễ", "High latency"),
        ("Đường mạng trễ hơn hẳn bình thường.", "The path is far slower than usual."),
        _LOOK_AT_PATH,
    ),
    "certificate_expiring": Words(
        ("Chứng thư sắp hết hạn", "Certificate expiring"),
        ("Chứng thư sắp hết hạn.", "A certificate ends soon."),
        _RENEW,
    ),
    "clock_wrong": Words(
        ("Đồng hồ sai", "Clock wrong"),
        ("Đồng hồ của máy sai.", "The machine's clock is wrong."),
        (
            "Bật đồng bộ giờ (NTP) và cho phép qua tường lửa.",
            "Turn time synchronisation (NTP) on and let it through the firewall.",
        ),
    ),
    "backup_failed": Words(
        ("Sao lưu hỏng", "Backup failed"),
        ("Sao lưu bị hỏng.", "A backup failed."),
        _LOOK_AT_BACKUP,
    ),
    "backup_blocked": Words(
        ("Sao lưu bị chặn", "Backup blocked"),
        ("Sao lưu không chạy được vì kho bị khoá.", "A backup cannot run: locked."),
        _LOOK_AT_BACKUP,
    ),
    "backup_late": Words(
        ("Sao lưu quá hạn", "Backup late"),
        ("Sao lưu đã quá hạn.", "A backup is late."),
        _LOOK_AT_BACKUP,
    ),
    "backup_blind": Words(
        ("Không rõ sao lưu", "Backup not seen"),
        ("Không còn nhìn thấy bản sao lưu.", "A backup can no longer be seen."),
        _LOOK_AT_BACKUP,
    ),
    "backup_suspicious": Words(
        ("Sao lưu đáng ngờ", "Backup suspicious"),
        ("Bản sao lưu có dấu hiệu bất thường.", "A backup looks suspicious."),
        _LOOK_AT_BACKUP,
    ),
    "backup_partial": Words(
        ("Sao lưu thiếu", "Backup partial"),
        ("Bản sao lưu thiếu một phần dữ liệu.", "A backup misses part of its data."),
        _LOOK_AT_BACKUP,
    ),
}
# Of the LAN they have one home, which the agent's doctor shares.
_LAN: dict[str, LanWords] = {
    **{f"port_{code}": words for code, words in PORT_WORDS.items()},
    **{code: words for code, words in DEVICE_WORDS.items() if code in CODES},
}
WORDS |= {code: Words(one.short, one.what, one.step) for code, one in _LAN.items()}
# A code of a newer part of the product: said as it is, never dropped.
_OTHER = (
    ("Xem trang sự cố tại trung tâm.", "Look at the centre's incidents."),
    ("Có sự cố ({}).", "There is an incident ({})."),
)

CAUSES: dict[str, tuple[str, str]] = {
    "power_link_or_server": (
        "chưa rõ: điện, đường truyền hay máy chủ",
        "unknown: power, link or server",
    ),
    "power_or_link": ("chưa rõ: điện hay đường truyền", "unknown: power or link"),
    "part_of_site": ("một phần địa điểm, chưa rõ vì sao", "part of the site, not known why"),
    "server_or_agent": ("chưa rõ: máy chủ hay tác nhân", "unknown: server or agent"),
    "agent_or_host_link": (
        "chưa rõ: tác nhân hay dây mạng của máy",
        "unknown: agent or the host's own link",
    ),
    "no_site_calls": ("không địa điểm nào gọi về", "no site calls any more"),
    "many_sites_silent": ("nhiều địa điểm cùng im lặng", "many sites went silent together"),
    "unclear": ("không rõ, các máy cho thấy khác nhau", "unclear, hosts tell different things"),
    "power": ("mất điện", "power"),
    "power_or_server": ("điện hoặc máy chủ", "power or server"),
    "link": ("đường truyền", "link"),
    "carrier": ("tuyến của nhà mạng", "the carrier's line"),
    "removed_from_inventory": (
        "đã bỏ khỏi danh mục, không phải đã tốt trở lại",
        "taken out of the inventory, not known to be well",
    ),
    "not_reported": (
        "máy không còn báo về phần này, không phải đã tốt trở lại",
        "the host does not report it any more, not known to be well",
    ),
    "host_link": ("dây mạng của máy", "the host's own link"),
    "server": ("máy chủ", "server"),
    "server_restarted": ("máy chủ khởi động lại", "the server was restarted"),
    "agent_stopped": ("tác nhân bị dừng, máy vẫn chạy", "the agent was stopped, the host ran"),
    "orderly_stop": ("máy được tắt đúng cách", "shut down in order"),
    "level_critical": ("gần hết chỗ", "hardly any room left"),
    "level_high": ("còn ít chỗ", "little room left"),
    "trend": ("theo đà này sẽ đầy", "full soon at this rate"),
    "slower_than_before": ("chậm hơn trước", "slower than before"),
    "expired": ("đã hết hạn", "it has ended"),
    "network_restarted": (
        "bộ chuyển mạch hoặc bộ định tuyến khởi động lại",
        "a switch or router started anew",
    ),
    "never_answered": (
        "chưa trả lời lần nào: có thể khai báo hay mật khẩu SNMP sai",
        "it never answered: perhaps its settings or SNMP password are wrong",
    ),
    "on_battery": ("mất điện vào UPS", "no mains at the UPS"),
    "charging": (
        "có điện, ắc quy đang nạp hoặc đã yếu",
        "on the mains; charging, or worn out",
    ),
    "self_test_failed": ("không qua lần tự kiểm tra", "it failed its self-test"),
}
CAUSES |= PATH_CAUSES

# Other words of messages and pages.
LABELS: dict[str, tuple[str, str]] = {
    "where": ("Ở đâu", "Where"),
    "since": ("Từ lúc", "Since"),
    "until": ("Đến lúc", "Until"),
    "lasted": ("Kéo dài", "Lasted"),
    "cause": ("Nguyên nhân", "Cause"),
    "likely": ("có thể", "likely"),
    "found_at": ("Tại", "At"),
    "further": ("Ngoài ra", "Further"),
    "clause": ("Căn cứ", "Clause"),
    "step": ("Việc cần làm", "Next step"),
    "down": ("Đã thật sự ngừng", "Was really down"),
    "inside": ("Bên trong", "Inside"),
    "straight": ("Lưu ý", "Note"),
    "no_alertmanager": (
        "Alertmanager không trả lời; tin này được gửi thẳng.",
        "Alertmanager does not answer; this message came past it.",
    ),
    "alertmanager_refused": (
        "Alertmanager từ chối tin này nên tin được gửi thẳng.",
        "Alertmanager refused this alert; the message came past it.",
    ),
    "acknowledge": ("Nhận xử lý (dành riêng cho bạn)", "Acknowledge (yours alone)"),
    "incident": ("Sự cố", "Incident"),
    "recovered": ("Đã hết", "Recovered"),
    "unwatched": ("Thôi theo dõi", "No longer watched"),
    "worse": ("Nặng hơn", "Worse"),
    "reminder": ("Nhắc lại", "Reminder"),
    "escalation": ("Chưa ai nhận", "Nobody answered"),
    "several": ("{} sự cố", "{} incidents"),
    "zone": ("giờ Việt Nam", "Viet Nam time"),
    "centre": ("Trung tâm", "The centre"),
    "minutes": ("{} phút", "{} min"),
    "hours": ("{} giờ", "{} h"),
    "more": ("và {} nữa", "and {} more"),
    "more_incidents": (
        "và {} sự cố nữa; xem trang sự cố tại trung tâm.",
        "and {} incidents more; see the centre's incidents.",
    ),
}


def pick(pair: tuple[str, str], language: str) -> str:
    """One of two languages."""
    return pair[LANGUAGES.index(language)]


def label(key: str, language: str) -> str:
    """A word of messages."""
    return pick(LABELS[key], language)


def words_of(code: str) -> Words:
    """The words of a code."""
    if code in WORDS:
        return WORDS[code]
    step, text = _OTHER
    name = plain(code)
    said = (text[0].format(name), text[1].format(name))
    return Words((name[:28], name[:28]), said, step)


def step_of(code: str, cause: str, language: str) -> str:
    """What to do next; of a backup, by its reason."""
    if code.startswith("backup_") and cause in BACKUP_REASONS:
        return BACKUP_REASONS[cause].next_step(language)
    return pick(words_of(code).step, language)


def cause_words(cause: str, language: str) -> str:
    """A cause in words, a backup's reason among them; a code that is not known as it is."""
    if cause in BACKUP_REASONS:
        return BACKUP_REASONS[cause].text(language)
    return pick(CAUSES.get(cause, (plain(cause), plain(cause))), language)


def likely_words(code: str, language: str) -> str:
    """What a finding on the LAN most likely comes from; empty for any other code."""
    if code not in _LAN:
        return ""
    return f"{label('likely', language)}: {pick(_LAN[code].cause, language)}"


def part_words(code: str, part: str, language: str) -> str:
    """A part of a device: a port by its name, a printer's error in words."""
    if code == "printer_stuck" and part in PRINTER_ERRORS:
        return pick(PRINTER_ERRORS[part], language)
    return plain(part)
