"""Every reason in words, Vietnamese and English, and what to do next.

Short, for whoever looks after the servers of a hospital; nobody is blamed.
"""

from typing import NamedTuple

from tramgac_collector.backups import drill_words
from tramgac_collector.backups.detail_words import DETAILS
from tramgac_collector.backups.findings import BackupState, Finding

LANGUAGES = ("vi", "en")


class Words(NamedTuple):
    """A reason for people.

    Attributes:
        vi: What holds.
        vi_next: What to do.
    """

    vi: str
    en: str
    vi_next: str
    en_next: str

    def text(self, language: str) -> str:
        """What holds."""
        return self.en if language == "en" else self.vi

    def next_step(self, language: str) -> str:
        """What to do."""
        return self.en_next if language == "en" else self.vi_next


_RESTORE = (
    "Dừng việc xoá bản cũ, tạo ngay một bản sao lưu mới ở nơi khác, rồi mới sửa kho.",
    "Stop removing old copies, make a new backup somewhere else, and only then repair.",
)
_ENABLE_PROBE = (
    "Kiểm tra tác nhân và bộ hẹn giờ của phép đo kho trên máy đó.",
    "Check the agent and the timer of the repository probe on that host.",
)

WORDS: dict[str, Words] = {
    "run_failed": Words(
        "Lần sao lưu gần nhất bị lỗi.",
        "The newest backup run failed.",
        "Xem nhật ký của lệnh sao lưu, sửa lỗi rồi chạy lại.",
        "Read the log of the backup command, mend the cause and run it again.",
    ),
    "run_interrupted": Words(
        "Lần sao lưu gần nhất bị ngắt giữa chừng.",
        "The newest backup run was interrupted.",
        "Tìm xem ai hoặc cái gì đã ngắt (tắt máy, hết giờ), rồi chạy lại.",
        "Find out what ended it (shutdown, time limit) and run it again.",
    ),
    "run_hung": Words(
        "Một lần sao lưu đã bắt đầu mà quá lâu chưa kết thúc.",
        "A backup run began and has not ended for too long.",
        "Xem tiến trình còn chạy không; nếu treo thì dừng nó và kiểm tra ổ đích, mạng.",
        "See whether it still works; if it hangs, end it and check destination and network.",
    ),
    "metadata_damaged": Words(
        "Kiểm tra cấu trúc kho sao lưu thấy hư hỏng.",
        "The check of the repository's structure found damage.",
        *_RESTORE,
    ),
    "data_damaged": Words(
        "Đọc lại dữ liệu trong kho thấy hư hỏng.",
        "Reading the repository's data back found damage.",
        *_RESTORE,
    ),
    "snapshot_damaged": Words(
        "Có bản sao lưu nằm trong danh sách nhưng không đọc được.",
        "A snapshot is listed but cannot be read.",
        *_RESTORE,
    ),
    "drill_failed": Words(
        "Diễn tập phục hồi không thành công.",
        "A restore drill failed.",
        "Coi như chưa có bản sao lưu dùng được: tạo bản mới rồi diễn tập lại.",
        "Treat it as no usable backup: make a new one and drill again.",
    ),
    "key_wrong": Words(
        "Khoá dự phòng (bản cất trong két) không mở được kho sao lưu.",
        "The recovery key (the copy in the safe) does not open the repository.",
        "Tạo khoá mới (restic: `restic key add`), cất vào két rồi thử lại ngay.",
        "Make a new key (restic: `restic key add`), put it in the safe, and try it at once.",
    ),
    "repository_missing": Words(
        "Không có kho sao lưu ở nơi đã khai báo.",
        "There is no repository at the declared place.",
        "Kiểm tra ổ đích đã gắn chưa và đường dẫn có đúng không.",
        "Check that the destination is mounted and the address is right.",
    ),
    "product_problem": Words(
        "Phần mềm sao lưu báo bản mới nhất có vấn đề.",
        "The backup product itself reports a problem with the newest copy.",
        "Xem báo cáo của phần mềm đó và làm theo hướng dẫn của nó.",
        "Look at the product's own report and follow it.",
    ),
    "run_blocked": Words(
        "Sao lưu không chạy được vì kho đang bị khoá.",
        "The backup could not run: the repository is locked.",
        "Chờ việc đang giữ khoá xong; nếu không còn việc nào thì gỡ khoá.",
        "Wait for whoever holds the lock; if nobody does, remove it.",
    ),
    "stale_lock": Words(
        "Kho còn khoá của một tiến trình đã chết.",
        "The repository holds a lock whose owner is gone.",
        "Chắc chắn không có lệnh nào đang chạy rồi gỡ khoá (restic: `restic unlock`).",
        "Make sure that nothing runs, then remove the lock (restic: `restic unlock`).",
    ),
    "overdue": Words(
        "Đã quá giờ theo lịch mà chưa có lần sao lưu trọn vẹn.",
        "The scheduled time and its grace have passed without a complete run.",
        "Xem bộ hẹn giờ có chạy không và lệnh sao lưu đang ở đâu.",
        "See whether the timer ran and where the backup command stands.",
    ),
    "rpo_passed": Words(
        "Bản sao lưu tốt gần nhất đã cũ hơn mức cho phép (RPO).",
        "The newest good backup is older than allowed (RPO).",
        "Chạy sao lưu ngay, rồi tìm xem vì sao các lần trước không xong.",
        "Run a backup now, then find out why the runs before did not complete.",
    ),
    "never_ran": Words(
        "Đã khai báo nhưng chưa từng sao lưu.",
        "Declared, and never backed up.",
        "Thiết lập lệnh sao lưu qua `tramgac-agent backup-run` và chạy lần đầu.",
        "Set the backup up through `tramgac-agent backup-run` and run it once.",
    ),
    "blind_auth": Words(
        "Không mở được kho: sai hoặc thiếu mật khẩu, hoặc không có quyền.",
        "The repository cannot be opened: wrong or missing password, or no permission.",
        "Kiểm tra tệp mật khẩu và quyền đọc; thử ngay mật khẩu cất giữ dự phòng.",
        "Check the password file and permissions; try the escrowed password today.",
    ),
    "blind_unreachable": Words(
        "Không kết nối được tới kho sao lưu.",
        "The repository cannot be reached.",
        "Kiểm tra mạng, máy đích và dịch vụ lưu trữ.",
        "Check the network, the destination and its storage service.",
    ),
    "blind_timeout": Words(
        "Kho không trả lời trong thời gian cho phép.",
        "The repository did not answer in time.",
        "Kiểm tra tốc độ ổ và mạng; nếu kho lớn thì tăng thời hạn của phép đo.",
        "Check disk and network; for a large repository raise the probe's deadline.",
    ),
    "blind_tool": Words(
        "Công cụ đọc kho bị lỗi hoặc không có.",
        "The tool that reads the repository is missing or failed.",
        "Chạy tay phép đo kho trên máy đó và xem nhật ký.",
        "Run the repository probe by hand on that host and read its log.",
    ),
    "silent": Words(
        "Không còn tin tức: máy hoặc phép đo kho đã im lặng.",
        "No news: the host or its repository probe has gone silent.",
        *_ENABLE_PROBE,
    ),
    "future_dated": Words(
        "Có bản sao lưu mang thời gian ở tương lai.",
        "A snapshot claims a time in the future.",
        "Kiểm tra đồng hồ các máy và ai đã tạo bản đó.",
        "Check the clocks, and who made that snapshot.",
    ),
    "vanished": Words(
        "Có bản sao lưu biến mất khi chưa đến hạn xoá.",
        "Snapshots are gone that nothing should have removed yet.",
        "Tìm xem ai đã xoá; nếu không phải người của mình thì coi như bị tấn công.",
        "Find out who removed them; if it was none of you, treat it as an attack.",
    ),
    "size_drop": Words(
        "Bản sao lưu mới nhất nhỏ hơn hẳn mọi khi.",
        "The newest backup is far smaller than usual.",
        "So sánh với dữ liệu thật: có thể có thư mục chưa gắn hoặc bị xoá.",
        "Compare with the live data: a folder may be missing or not mounted.",
    ),
    "files_drop": Words(
        "Bản sao lưu mới nhất có ít tệp hơn hẳn mọi khi.",
        "The newest backup has far fewer files than usual.",
        "So sánh với dữ liệu thật: có thể có thư mục chưa gắn hoặc bị xoá.",
        "Compare with the live data: a folder may be missing or not mounted.",
    ),
    "zero_files": Words(
        "Bản sao lưu mới nhất không có tệp nào.",
        "The newest snapshot holds no file.",
        "Kiểm tra nguồn đã gắn chưa, rồi sao lưu lại.",
        "Check that the source is mounted, then back up again.",
    ),
    "change_shock": Words(
        "Phần lớn tệp thay đổi cùng lúc; có thể do mã độc mã hoá.",
        "Most files changed at once; ransomware may do this.",
        "Xem ngay vài tệp trên máy; chưa rõ thì không xoá bản sao lưu cũ nào.",
        "Look at some live files now; remove no old backup until it is explained.",
    ),
    "size_jump": Words(
        "Dữ liệu mới nhiều gấp hơn mười lần mọi khi; có thể do mã độc mã hoá.",
        "Over ten times the usual new data; ransomware may do this.",
        "Tìm xem dữ liệu gì mới thêm; chưa rõ thì không xoá bản sao lưu cũ nào.",
        "Find out what was added; remove no old backup until it is explained.",
    ),
    "snapshot_not_found": Words(
        "Lệnh sao lưu báo xong nhưng trong kho không thấy bản đó.",
        "The run was complete, but the repository does not show its snapshot.",
        "Kiểm tra lệnh có ghi vào đúng kho không, và có ai đã xoá bản đó không.",
        "Check that the run writes to this repository, and that nobody removed it.",
    ),
    "immutability_refuted": Words(
        "Kho cho phép xoá, dù đã khai báo là không xoá được.",
        "The repository allows deleting though it is declared immutable.",
        "Bật chế độ chỉ ghi thêm (append-only) hoặc khoá đối tượng ở máy đích.",
        "Turn on append-only mode or object lock at the destination.",
    ),
    "run_partial": Words(
        "Lần sao lưu gần nhất bỏ sót dữ liệu.",
        "The newest backup left something out.",
        "Xem nhật ký để biết phần nào không đọc được, sửa quyền rồi chạy lại.",
        "Read in the log what could not be read, mend permissions and run again.",
    ),
    "missing_source": Words(
        "Một nguồn cần sao lưu không có ở đó.",
        "Something that was to be backed up was not there.",
        "Gắn lại nguồn đó hoặc sửa lệnh sao lưu, rồi chạy lại.",
        "Mount the source or correct the backup command, then run again.",
    ),
    "empty_source": Words(
        "Sao lưu chạy xong nhưng không có tệp nào.",
        "The backup ran and saved no file.",
        "Kiểm tra nguồn đã gắn chưa, rồi sao lưu lại.",
        "Check that the source is mounted, then back up again.",
    ),
    "not_yet_seen": Words(
        "Mới khai báo, chưa thấy bản sao lưu trọn vẹn nào.",
        "Declared lately; no complete backup was seen yet.",
        "Chờ lần sao lưu đầu tiên, hoặc chạy ngay.",
        "Wait for the first run, or run it now.",
    ),
    "learning": Words(
        "Chưa đủ năm lần trước đó để biết dung lượng thường ngày.",
        "Fewer than five runs before it to say which size is usual.",
        "Chờ thêm vài lần; lệnh sao lưu cần báo dung lượng (restic: `--json`).",
        "Wait for some runs; the command must tell sizes (restic: `--json`).",
    ),
    "no_run_evidence": Words(
        "Thấy bản sao lưu trong kho, nhưng không ai báo lệnh chạy có trọn vẹn không.",
        "Snapshots are there, but nobody tells whether their runs were complete.",
        "Chạy lệnh sao lưu qua `tramgac-agent backup-run`.",
        "Run the backup command through `tramgac-agent backup-run`.",
    ),
    "size_untold": Words(
        "Không ai báo dung lượng, và không yêu cầu diễn tập: bản sao rỗng sẽ không lộ ra.",
        "Nobody tells sizes and no restore is asked for: an empty backup would not show.",
        "Đặt `proof.sample` cho bộ dữ liệu, hoặc dùng phép đo kho có báo dung lượng.",
        "Set `proof.sample` for the dataset, or use a repository probe that tells sizes.",
    ),
    "check_old": Words(
        "Lần kiểm tra cấu trúc kho gần nhất đã quá lâu.",
        "The last check of the repository's structure is too old.",
        "Xem bộ hẹn giờ kiểm tra trên máy đó.",
        "Look at the timer of the check on that host.",
    ),
    "check_never": Words(
        "Cấu trúc kho chưa từng được kiểm tra.",
        "The repository's structure was never checked.",
        "Bật kiểm tra định kỳ, mục `[verify]` của tệp phép đo.",
        "Turn the regular check on: `[verify]` in the probe file.",
    ),
    "data_unread": Words(
        "Chưa đọc lại hết dữ liệu trong kho.",
        "Not all of the repository's data was read back yet.",
        "Để việc đọc từng phần chạy hằng đêm cho đến khi đủ.",
        "Let the nightly slices run until all is read.",
    ),
    "data_old": Words(
        "Lần đọc lại toàn bộ dữ liệu trong kho đã quá lâu.",
        "Too long ago that all of the repository's data was read back.",
        "Xem bộ hẹn giờ đọc từng phần trên máy đó.",
        "Look at the timer of the slices on that host.",
    ),
    "drill_old": Words(
        "Lần diễn tập phục hồi gần nhất đã quá lâu.",
        "The last restore drill is too long ago.",
        "Chạy `tramgac-agent drill` cho chuỗi này.",
        "Run `tramgac-agent drill` for this series.",
    ),
    "drill_never": Words(
        "Chưa từng diễn tập phục hồi.",
        "No restore was ever tried.",
        "Chạy `tramgac-agent drill` cho chuỗi này và đặt lịch định kỳ.",
        "Run `tramgac-agent drill` for this series, and schedule it.",
    ),
    "key_untried": Words(
        "Khoá dự phòng chưa được thử, hoặc lần thử đạt gần nhất đã quá lâu.",
        "The recovery key was never tried, or too long ago.",
        "Lấy khoá trong két và chạy `tramgac-agent drill` với `--key`.",
        "Take the key from the safe and run `tramgac-agent drill` with `--key`.",
    ),
    "undeclared": Words(
        "Có sao lưu nhưng danh mục không khai báo.",
        "Backed up, but the inventory does not know it.",
        "Khai báo bộ dữ liệu và nơi lưu này trong danh mục.",
        "Declare this dataset and destination in the inventory.",
    ),
    "retention_short": Words(
        "Không còn bản cũ đủ xa như yêu cầu.",
        "The oldest copies do not reach back as far as required.",
        "Xem lại chính sách xoá bản cũ của phần mềm sao lưu.",
        "Review what the backup product removes, and when.",
    ),
    "copies_missing": Words(
        "Chưa đủ số bản sao ở những nơi không cùng hỏng một lúc.",
        "Too few fresh copies in places that do not fail together.",
        "Thêm một bản sao ở thiết bị và địa điểm khác, hoặc khôi phục bản đang hỏng.",
        "Add a copy on another device and site, or mend the one that is not good.",
    ),
    "same_place": Words(
        "Bản sao nằm ngay trên máy hoặc ổ của dữ liệu gốc.",
        "The copy lies on the machine or disk of the data themselves.",
        "Kiểm tra ổ đích đã gắn chưa; chuyển bản sao sang thiết bị khác.",
        "Check that the destination is mounted; move the copy to another device.",
    ),
    "rto_exceeded": Words(
        "Với tốc độ đo được, phục hồi toàn bộ sẽ lâu hơn mức cho phép (RTO).",
        "At the measured rate a full restore takes longer than allowed (RTO).",
        "Tìm chỗ nghẽn (mạng, ổ đích), hoặc xem lại RTO đã khai báo.",
        "Find the bottleneck (network, destination), or review the declared RTO.",
    ),
    "immutability_unproven": Words(
        "Chưa có bằng chứng là bản sao không xoá được.",
        "Nothing proves that the copies cannot be deleted.",
        "Bật phép thử xoá (chỉ với rest-server) hoặc kiểm tra tay và ghi lại.",
        "Turn on the deletion probe (rest-server only), or check and note it by hand.",
    ),
}

# What was not looked at though nothing is wrong: the codes of ``Verdict.notes``.
NOTES: dict[str, tuple[str, str]] = {
    "size_untold": (
        "Không ai báo dung lượng: chỉ diễn tập phục hồi mới cho thấy bản sao không rỗng.",
        "Nobody tells sizes: only the restore drills show that the backup is not empty.",
    ),
}

STATES: dict[BackupState, tuple[str, str]] = {
    BackupState.FAILED: ("Hỏng", "Failed"),
    BackupState.BLOCKED: ("Bị khoá", "Blocked"),
    BackupState.LATE: ("Trễ", "Late"),
    BackupState.BLIND: ("Không nhìn thấy", "Blind"),
    BackupState.SUSPICIOUS: ("Đáng ngờ", "Suspicious"),
    BackupState.PARTIAL: ("Thiếu", "Partial"),
    BackupState.UNVERIFIED: ("Chưa chứng minh", "Unverified"),
    BackupState.OK: ("Tốt", "Good"),
}

# Shown where all is well.
NOTHING_TO_DO = ("Không cần làm gì.", "Nothing to do.")


def state_text(state: BackupState, language: str) -> str:
    """A state's name."""
    return STATES[state][LANGUAGES.index(language)]


def note_text(note: str, language: str) -> str:
    """What was not looked at."""
    return NOTES[note][LANGUAGES.index(language)]


def detail_text(detail: str, language: str) -> str:
    """A detail in words; one without words, such as who holds a lock, as it is."""
    return DETAILS[detail][LANGUAGES.index(language)] if detail in DETAILS else detail


def finding_text(finding: Finding, language: str) -> str:
    """What holds, with its detail."""
    text = WORDS[finding.reason].text(language)
    if finding.reason == "drill_failed" and finding.detail:
        why = drill_words.reason("failed", finding.detail)
        return f"{text} {why[LANGUAGES.index(language)]}"
    return f"{text} ({detail_text(finding.detail, language)})" if finding.detail else text


def next_step(finding: Finding, language: str) -> str:
    """What to do about it."""
    return WORDS[finding.reason].next_step(language)
