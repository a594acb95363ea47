"""Findings on the LAN in words, Vietnamese and English: what, the likely cause, the next step.

One home for both ends: ``tramgac-agent doctor lan`` says them where the trouble is, messages and
pages of the centre say the same. For whoever looks after the machines; nobody is blamed.
"""

from collections.abc import Mapping
from typing import NamedTuple

LANGUAGES = ("vi", "en")

Pair = tuple[str, str]


class LanWords(NamedTuple):
    """One finding for people; each pair is Vietnamese, then English.

    Attributes:
        short: For a text message; at most 28 characters.
        what: What holds.
        cause: What it most likely comes from; never more than likely.
        step: What to do next.
    """

    short: Pair
    what: Pair
    cause: Pair
    step: Pair


# Of a switch's port; the label ``finding`` of ``tramgac_port_finding``.
PORT_WORDS: Mapping[str, LanWords] = {
    "half_duplex": LanWords(
        ("Cổng bán song công", "Half-duplex port"),
        (
            "Cổng chạy bán song công: không gửi và nhận cùng lúc được.",
            "The port runs at half duplex: it cannot send and receive at once.",
        ),
        (
            "một đầu đặt cứng, đầu kia tự dò; hoặc thiết bị quá cũ",
            "one end is set by hand, the other negotiates; or a very old device",
        ),
        (
            "Đặt cả hai đầu về tự động; nếu vẫn vậy thì thay dây, rồi thử cổng khác.",
            "Set both ends to automatic; if it stays so, change the cable, then try another port.",
        ),
    ),
    "slowed": LanWords(
        ("Cổng tụt tốc độ", "Port slower than before"),
        (
            "Cổng chạy dưới tốc độ từng có hoặc phải có.",
            "The port runs below the speed it once had or must have.",
        ),
        (
            "dây hoặc đầu bấm hỏng một đôi; hoặc máy cũ hơn được cắm vào",
            "a broken pair in the cable or its plug; or an older machine was put there",
        ),
        (
            "Cắm lại, rồi thay dây; sau đó thử cổng khác của bộ chuyển mạch.",
            "Plug it in again, then change the cable; after that try another port of the switch.",
        ),
    ),
    "errors": LanWords(
        ("Cổng nhận nhiều lỗi", "Port receives errors"),
        (
            "Nhiều khung tin đến cổng bị lỗi.",
            "Many frames arrive at the port with errors.",
        ),
        (
            "dây hỏng, quá dài hay gần nguồn nhiễu; card mạng hỏng; hoặc lệch song công",
            "a bad cable, too long or near a source of noise; a bad card; or a duplex mismatch",
        ),
        (
            "Thay dây nối, xem đầu bấm và ổ tường; rồi thử cổng khác và card mạng khác.",
            "Change the cable, look at plug and wall socket; then try another port and card.",
        ),
    ),
    "late_collisions": LanWords(
        ("Cổng va chạm muộn", "Late collisions"),
        (
            "Cổng có va chạm muộn: gói tin bị mất và phải gửi lại.",
            "The port has late collisions: packets are lost and sent again.",
        ),
        (
            "đầu bên kia chạy song công; hoặc dây dài hơn 100 m",
            "the other end runs at full duplex; or the cable is longer than 100 m",
        ),
        (
            "Đặt cả hai đầu về tự động; đo chiều dài dây.",
            "Set both ends to automatic; measure the length of the cable.",
        ),
    ),
    "duplex_mismatch": LanWords(
        ("Lệch song công", "Duplex mismatch"),
        (
            "Hai đầu dây không khớp: một bên song công, một bên bán song công.",
            "The two ends do not agree: one runs at full duplex, the other at half.",
        ),
        (
            "một đầu bị đặt cứng, đầu kia tự dò",
            "one end is set by hand, the other negotiates",
        ),
        (
            "Đặt cả hai đầu về tự động; nếu phải đặt cứng thì đặt giống nhau.",
            "Set both ends to automatic; if one must be set by hand, set both alike.",
        ),
    ),
    "discards": LanWords(
        ("Cổng phải bỏ gói tin", "Port throws packets away"),
        (
            "Bộ chuyển mạch phải bỏ bớt gói tin gửi ra cổng.",
            "The switch throws packets away that should leave by the port.",
        ),
        (
            "nhiều dữ liệu dồn tới cùng lúc từ cổng nhanh hơn",
            "much arrives at once from faster ports",
        ),
        (
            "Xem ai gửi nhiều vào giờ đó; tăng tốc độ cổng, hoặc dời sao lưu sang giờ vắng.",
            "See who sends much then; make the port faster, or move backups to quiet hours.",
        ),
    ),
    "overloaded": LanWords(
        ("Đường nối quá tải", "Uplink overloaded"),
        (
            "Đường nối gần đầy trong nhiều phút liền.",
            "The link is nearly full for minutes on end.",
        ),
        (
            "sao lưu, phim ảnh hoặc nhiều máy cùng dùng một đường nối quá nhỏ",
            "backups, images or many machines share a link that is too small",
        ),
        (
            "Xem giờ nào đầy và ai gửi; dời sao lưu sang giờ vắng, hoặc nâng cấp đường nối.",
            "See when it is full and who sends; move backups to quiet hours, or get a faster link.",
        ),
    ),
    "flapping": LanWords(
        ("Cổng chập chờn", "Port flapping"),
        (
            "Cổng liên tục mất rồi lại có kết nối.",
            "The port loses its connection and gets it back, again and again.",
        ),
        (
            "đầu cắm lỏng, dây hỏng, hoặc nguồn của thiết bị chập chờn",
            "a loose plug, a bad cable, or unsteady power of the device",
        ),
        (
            "Cắm chặt lại, thay dây; rồi xem nguồn của thiết bị bên kia.",
            "Plug it in firmly, change the cable; then look at the power of the device behind it.",
        ),
    ),
}

# Of a device, or of a path.
DEVICE_WORDS: Mapping[str, LanWords] = {
    "device_silent": LanWords(
        ("Thiết bị im lặng", "Device silent"),
        (
            "Thiết bị không trả lời SNMP.",
            "The device does not answer SNMP.",
        ),
        (
            "mất điện, đứt dây; hoặc đã đổi địa chỉ hay mật khẩu SNMP",
            "no power, a cut cable; or its address or SNMP password was changed",
        ),
        (
            "Xem nguồn và đèn của thiết bị; nếu nó chạy, xem lại địa chỉ và mật khẩu SNMP.",
            "Look at its power and lights; if it runs, check its address and SNMP password.",
        ),
    ),
    "ups_on_battery": LanWords(
        ("UPS chạy ắc quy", "UPS on battery"),
        (
            "UPS đang nuôi máy bằng ắc quy.",
            "The UPS feeds its machines from the battery.",
        ),
        (
            "mất điện lưới, hoặc cầu dao hay dây vào UPS",
            "the mains are gone, or a breaker or cable before the UPS",
        ),
        (
            "Gọi bộ phận điện: điện lưới, máy phát; tắt bớt máy không cần nếu điện chưa về.",
            "Call whoever is on duty for power: mains, generator; shut down what can wait.",
        ),
    ),
    "ups_battery_low": LanWords(
        ("Ắc quy UPS sắp hết", "UPS battery low"),
        (
            "Ắc quy UPS sắp hết: máy sẽ tắt đột ngột.",
            "The battery of the UPS is nearly empty: machines will stop at once.",
        ),
        (
            "chạy ắc quy đã lâu, ắc quy già, hoặc tải quá lớn",
            "long on battery, an old battery, or too much load",
        ),
        (
            "Tắt máy chủ đúng cách ngay, cơ sở dữ liệu trước; khởi động máy phát nếu có.",
            "Shut servers down in order now, databases first; start the generator if there is one.",
        ),
    ),
    "ups_battery_bad": LanWords(
        ("Ắc quy UPS phải thay", "UPS battery to be replaced"),
        (
            "Ắc quy UPS phải thay, hoặc đã không qua lần tự kiểm tra.",
            "The battery of the UPS must be replaced, or failed its self-test.",
        ),
        (
            "ắc quy già (thường sau 3 đến 5 năm)",
            "an old battery (mostly after 3 to 5 years)",
        ),
        (
            "Đặt thay ắc quy; đến lúc đó đừng tin số phút mà UPS ghi.",
            "Have the battery replaced; until then do not believe the minutes it shows.",
        ),
    ),
    "printer_stuck": LanWords(
        ("Máy in cần người xem", "Printer needs a hand"),
        (
            "Máy in không in được và chờ người xử lý.",
            "The printer cannot print and waits for somebody.",
        ),
        (
            "hết giấy, kẹt giấy, hết mực, hoặc nắp mở",
            "no paper, a paper jam, no toner, or an open door",
        ),
        (
            "Nhờ người tại khoa xem máy in.",
            "Ask somebody at the ward to look at the printer.",
        ),
    ),
    "path_down": LanWords(
        ("Không tới được nơi cần", "Destination not reached"),
        (
            "Không kết nối được tới nơi cần đến.",
            "No connection can be made to a place that matters.",
        ),
        (
            "đường truyền ở đây, hoặc chính nơi đó ngừng",
            "the line here, or the place itself is down",
        ),
        (
            "So với cơ sở khác: nơi khác cũng mất thì gọi bên kia, chỉ ở đây thì gọi nhà mạng.",
            "Compare with other sites: if they fail too, call the other end; if not, the carrier.",
        ),
    ),
    "path_one_way": LanWords(
        ("Mạng kém một chiều", "Path bad in one direction"),
        (
            "Đường mạng chỉ mất gói tin hoặc trễ theo một chiều.",
            "The path loses packets, or is slow, in one direction only.",
        ),
        (
            "một chiều quá tải, hoặc lệch song công trên đường đi",
            "one direction is overloaded, or a duplex mismatch on the way",
        ),
        (
            "Xem tải và lỗi của các cổng nối trên đường đó, theo chiều bị nêu.",
            "Look at load and errors of the ports on the way, in the direction named.",
        ),
    ),
    "path_not_held": LanWords(
        ("Mạng không đạt tốc độ", "Path slower than it must be"),
        (
            "Hai lần đo liền nhau, đường mạng không tải được tốc độ phải có.",
            "Two speed tests running, the path did not carry what it must.",
        ),
        (
            "một cổng chạy 100 Mb/s hay bán song công, dây hỏng, đường chung quá tải, hoặc Wi-Fi",
            "a port at 100 Mb/s or half duplex, a bad cable, a full shared link, or Wi-Fi",
        ),
        (
            "Xem tốc độ và lỗi các cổng trên đường đó, thay dây; `doctor lan` trên hai máy.",
            "See speed and errors of the ports on the way, change the cable; run `doctor lan`.",
        ),
    ),
}

# Errors of a printer that keep it from printing; the label ``error`` of ``tramgac_printer_error``.
PRINTER_ERRORS: Mapping[str, Pair] = {
    "no_paper": ("hết giấy", "no paper"),
    "no_toner": ("hết mực", "no toner"),
    "door_open": ("nắp mở", "door open"),
    "jammed": ("kẹt giấy", "paper jam"),
    "offline": ("ngoại tuyến", "offline"),
    "service_requested": ("cần bảo trì", "service needed"),
    "output_full": ("khay ra đầy", "output tray full"),
}

# Why a place is not reached, or a path is bad in one direction, where that is known.
PATH_CAUSES: Mapping[str, Pair] = {
    "far_end": (
        "chính nơi đó: không ai tới được",
        "the place itself: nobody reaches it",
    ),
    "line": (
        "đường truyền ở đây: nơi khác vẫn tới được",
        "the line here: others reach it",
    ),
    "line_likely": (
        "nhiều khả năng đường truyền ở đây: không nơi nào bên ngoài tới được",
        "most likely the line here: nothing outside is reached",
    ),
    "gateway": (
        "cổng mạng của địa điểm không trả lời",
        "the site's own gateway does not answer",
    ),
    "segment": (
        "mạng nội bộ: phân đoạn khác vẫn tới được",
        "the network inside: other segments reach it",
    ),
    "line_or_far_end": (
        "chưa rõ: đường truyền ở đây hay chính nơi đó",
        "unknown: the line here or the place itself",
    ),
    "loss_send": ("mất gói chiều gửi đi", "packets are lost on the way there"),
    "loss_receive": ("mất gói chiều nhận về", "packets are lost on the way back"),
    "queue_send": ("nghẽn chiều gửi đi", "packets wait on the way there"),
    "slow_send": ("chỉ chiều gửi đi", "only on the way there"),
    "slow_receive": ("chỉ chiều nhận về", "only on the way back"),
    "slow_both": ("cả hai chiều", "both ways"),
    "queue_receive": ("nghẽn chiều nhận về", "packets wait on the way back"),
}

LAN_WORDS: Mapping[str, LanWords] = {**PORT_WORDS, **DEVICE_WORDS}


def say(pair: Pair, language: str) -> str:
    """One of the two languages.

    Raises:
        ValueError: Neither ``vi`` nor ``en``.
    """
    return pair[LANGUAGES.index(language)]
