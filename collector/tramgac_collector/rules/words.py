"""Words of results in both languages. What was observed, never that somebody is in the right."""

from collections.abc import Mapping

LANGUAGES = ("vi", "en")

Words = Mapping[str, tuple[str, str]]

STATUS: Words = {
    "pass_observed": ("Không phát hiện tồn tại", "No gap observed"),
    "fail": ("Có tồn tại", "Gap"),
    "partial": ("Tồn tại một phần", "Gap in part"),
    "unknown": ("Chưa biết", "Not known"),
    "stale": ("Bằng chứng đã hết hạn", "Evidence expired"),
    "not_applicable": ("Không áp dụng", "Does not apply"),
    "not_evaluated": ("Chưa đánh giá", "Not evaluated"),
    "out_of_reach": ("Ngoài tầm đo", "Out of reach"),
}
REASON: Words = {
    "not_in_force": ("văn bản chưa hoặc không còn hiệu lực", "its document is not in force"),
    "does_not_apply": ("không thuộc đối tượng áp dụng", "it does not apply here"),
    "applicability_unknown": (
        "chưa biết có áp dụng không: cơ sở chưa trả lời trong danh mục",
        "whether it applies is not known: the facility has not answered in the inventory",
    ),
    "text_not_seen": ("chưa ai xem văn bản gốc", "nobody has seen its text yet"),
    "out_of_reach": ("phần mềm không thể biết, con người phải trả lời", "only a person can tell"),
    "nothing_declared": ("danh mục chưa khai đối tượng nào", "the inventory declares none"),
    "conflict": ("số đo trái với giấy tờ", "measurement and paper disagree"),
    "refuted": ("bằng chứng cho thấy không đúng", "evidence shows otherwise"),
    "not_covered": ("chưa biết hết các đối tượng", "not everything is known"),
    "no_evidence": ("chưa có bằng chứng", "no evidence yet"),
    "undecided": ("bằng chứng chưa đủ để kết luận", "evidence is not enough to tell"),
    "decided": ("theo bằng chứng nêu bên", "by the evidence named"),
    "not_shown": ("bằng chứng chưa cho thấy là đúng", "evidence does not show it"),
    "some_only": ("chỉ đúng với một số đối tượng", "true of some only"),
    "fault": (
        "phần mềm gặp lỗi khi đánh giá, xem nhật ký",
        "the software failed to judge it, see its log",
    ),
    "pack_refused": (
        "bộ quy tắc bị từ chối, xem `doctor`",
        "its pack was refused, see `doctor`",
    ),
    "done": ("giấy tờ cho thấy đã xong", "papers show that it is done"),
    "due_soon": ("sắp đến hạn", "due soon"),
    "open": ("chưa đến hạn", "not due yet"),
    "over": ("ngày này đã qua", "the day is over"),
    "passed": ("đã quá hạn, chưa thấy giấy tờ", "the day has passed, no paper shows it done"),
}
TAILORED: Words = {
    "tailored": (
        "{} = {}: ngưỡng riêng của cơ sở, đến {}",
        "{} = {}: the facility's own number, until {}",
    ),
}
FORCE: Words = {
    "binding": ("bắt buộc", "binding"),
    "binding_via": ("bắt buộc theo dẫn chiếu", "binding by reference"),
    "guidance": ("hướng dẫn", "guidance"),
    "plan_target": ("chỉ tiêu kế hoạch", "target of a plan"),
    "voluntary": ("tự nguyện", "voluntary"),
    "draft": ("dự thảo", "draft"),
    "product_default": (
        "ngưỡng mặc định của sản phẩm, không phải quy định",
        "product default, no law",
    ),
    "historic": ("văn bản cũ", "former law"),
}
TEXT: Words = {
    "official": ("đã đối chiếu văn bản gốc", "compared with the official text"),
    "seen_copy": ("theo bản sao đã đọc", "by a copy we read"),
    "secondary": ("theo nguồn thứ cấp, chỉ tham khảo", "by a second-hand source, advisory"),
    "memory": ("chưa thấy văn bản", "text not seen"),
}


def say(words: Words, key: str, language: str) -> str:
    """One word; a key nobody wrote words for is shown as it is."""
    found = words.get(key)
    return key if found is None else found[LANGUAGES.index(language)]
