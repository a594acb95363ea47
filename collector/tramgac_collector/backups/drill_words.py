"""What a drill's codes mean, in Vietnamese and in English."""

Both = tuple[str, str]

UNKNOWN = "\u2013"

KINDS: dict[str, Both] = {
    "canary": ("Dấu thử: một mã bí mật đọc lại từ bản mới nhất", "Canary: a nonce read back"),
    "sample": ("Lấy mẫu: khôi phục một số tệp", "Sample: some files restored"),
    "full": ("Toàn bộ: khôi phục tất cả", "Full: everything restored"),
    "key": ("Thử khoá dự phòng, không khôi phục gì", "Recovery key tried, nothing restored"),
}
STARTED_BY: dict[str, Both] = {
    "schedule": ("Theo lịch", "By schedule"),
    "hand": ("Một người, bằng tay", "By hand, by a person"),
}
RESULTS: dict[str, Both] = {
    "passed": ("ĐẠT", "PASSED"),
    "failed": ("KHÔNG ĐẠT", "FAILED"),
    "inconclusive": ("CHƯA KẾT LUẬN", "INCONCLUSIVE"),
}
PROOFS: dict[str, Both] = {
    "none": ("Không có phép thử riêng", "No further proof"),
    "canary": ("Mã bí mật đúng là mã đã đặt", "The nonce is one that was planted"),
    "postgres": (
        "Nạp vào PostgreSQL tạm và truy vấn được",
        "Loaded into a throw-away PostgreSQL and queried",
    ),
    "sqlite": ("SQLite integrity_check và truy vấn", "SQLite integrity_check and a query"),
    "mysql": (
        "Nạp vào MariaDB/MySQL tạm và truy vấn được",
        "Loaded into MariaDB/MySQL and queried",
    ),
    "dicom": ("Tệp ảnh có dấu DICM", "Image files carry the DICM mark"),
    "hook": ("Lệnh kiểm tra riêng của cơ sở", "The facility's own command"),
}
_FAILURES: dict[str, Both] = {
    "content_differs": (
        "Nội dung khôi phục khác tệp gốc dù tệp gốc không đổi.",
        "What was restored differs from a live file that has not changed.",
    ),
    "nonce_missing": (
        "Bản sao mới nhất không có dấu thử.",
        "The newest backup does not hold the canary.",
    ),
    "nonce_old": (
        "Bản sao mới nhất giữ dấu thử cũ: nó không chứa dữ liệu hiện tại.",
        "The newest backup holds an old canary: it does not hold the present data.",
    ),
    "nonce_wrong": (
        "Dấu thử trong bản sao không phải do hệ thống này đặt.",
        "The canary in the backup is none that was planted here.",
    ),
    "nothing_restored": ("Không khôi phục được tệp nào.", "Not one file could be restored."),
    "count_differs": (
        "Số tệp khôi phục khác số tệp trong bản sao.",
        "The number of restored files is not the backup's.",
    ),
    "size_differs": (
        "Kích thước khôi phục khác kích thước trong bản sao.",
        "A restored size is not the backup's.",
    ),
    "damaged": ("Dữ liệu trong kho sao lưu bị hỏng.", "The repository's data are damaged."),
    "proof_failed": (
        "Dữ liệu đã khôi phục nhưng không dùng được.",
        "The data were restored but could not be put to use.",
    ),
    "no_snapshot": ("Kho không có bản sao nào để khôi phục.", "There is no backup to restore."),
    "wrong_key": (
        "Khoá dự phòng không mở được kho sao lưu.",
        "The recovery key does not open the repository.",
    ),
    "no_space": (
        "Chưa kết luận: không đủ chỗ trống để khôi phục.",
        "Inconclusive: there was no room to restore into.",
    ),
    "deadline": ("Chưa kết luận: hết thời gian cho phép.", "Inconclusive: time was up."),
    "backup_running": (
        "Chưa kết luận: một lần sao lưu đang chạy.",
        "Inconclusive: a backup was running.",
    ),
    "blind_auth": (
        "Chưa kết luận: kho từ chối mật khẩu hoặc tài khoản.",
        "Inconclusive: the repository refused password or account.",
    ),
    "blind_unreachable": (
        "Chưa kết luận: không kết nối được tới kho.",
        "Inconclusive: the repository could not be reached.",
    ),
    "blind_timeout": (
        "Chưa kết luận: kho không trả lời kịp.",
        "Inconclusive: the repository did not answer in time.",
    ),
    "blind_tool": (
        "Chưa kết luận: công cụ sao lưu không chạy được.",
        "Inconclusive: the backup tool did not work.",
    ),
    "missing": (
        "Chưa kết luận: không thấy kho ở nơi đã khai báo.",
        "Inconclusive: there is no repository where it was declared.",
    ),
    "proof_tool_missing": (
        "Chưa kết luận: máy không có công cụ để thử dữ liệu.",
        "Inconclusive: the tool to prove the data is not installed.",
    ),
    "config": (
        "Chưa kết luận: cấu hình diễn tập có lỗi.",
        "Inconclusive: the drill's configuration is wrong.",
    ),
}
_PASSED: Both = (
    "Dữ liệu được khôi phục và kiểm tra như ghi dưới đây.",
    "The data were restored and checked as written below.",
)
_OPENED: Both = (
    "Khoá dự phòng mở được kho và danh sách tệp của bản mới nhất; không khôi phục gì.",
    "The recovery key opened the repository and the newest listing; nothing was restored.",
)


def said(table: dict[str, Both], code: str) -> Both:
    """Both texts of a code; the code itself where this version has none."""
    return table.get(code, (code or UNKNOWN, code or UNKNOWN))


def reason(result: str, failure: str, kind: str = "") -> Both:
    """Why a drill ended as it did."""
    if result == "passed":
        return _OPENED if kind == "key" else _PASSED
    return said(_FAILURES, failure)
