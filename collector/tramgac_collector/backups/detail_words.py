"""What the detail of a finding means, in Vietnamese and in English."""

# Codes a finding may carry as its detail: of runs, checks and places, and kinds of drill.
DETAILS: dict[str, tuple[str, str]] = {
    "unreadable_files": ("có tệp không đọc được", "some files could not be read"),
    "missing_source": ("thiếu nguồn", "a source was missing"),
    "empty": ("không có tệp nào", "no file was saved"),
    "no_summary": ("không có tổng kết", "the tool gave no summary"),
    "dry_run": ("chỉ chạy thử", "it was a dry run"),
    "saves_nothing": ("lệnh này không lưu gì", "the command saves nothing"),
    "locked": ("kho đang bị khoá", "the repository was locked"),
    "wrong_password": ("sai mật khẩu", "wrong password"),
    "no_repository": ("không có kho", "no repository there"),
    "no_space": ("hết chỗ trống", "no space left"),
    "unreachable": ("không kết nối được", "the destination could not be reached"),
    "permission": ("không có quyền", "permission denied"),
    "signal": ("bị tín hiệu dừng", "ended by a signal"),
    "not_started": ("không khởi chạy được lệnh", "the command could not be started"),
    "not_in_time": ("quá thời hạn", "not done in time"),
    "damaged_repository": ("kho hư hỏng", "the repository is damaged"),
    "exit_code": ("mã thoát báo lỗi", "the exit code says so"),
    "damaged": ("dữ liệu hư hỏng", "damaged data"),
    "canary": ("dấu thử", "canary"),
    "sample": ("mẫu", "sample"),
    "full": ("toàn bộ", "full"),
    "same_device": ("cùng ổ đĩa", "same disk"),
    "same_machine": ("cùng máy", "same machine"),
}
