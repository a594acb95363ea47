"""Names of a province that does not exist. No hospital is called like this, no code is real."""

from typing import NamedTuple


class Name(NamedTuple):
    """What something is called, Vietnamese and English, and its id."""

    id: str
    vi: str
    en: str

    @property
    def both(self) -> dict[str, str]:
        """As the inventory has it."""
        return {"vi": self.vi, "en": self.en}


PROVINCE = {"vi": "Tỉnh Bắc Sông", "en": "Bac Song Province"}

PROVIDERS = (
    Name("may-viet", "Công ty Phần mềm Mây Việt Sông", "May Viet Song Software"),
    Name("y-so", "Công ty Y Số Bắc Sông", "Y So Bac Song"),
    Name("vt-ven-bien", "Viễn thông Ven Biển", "Coast Telecom"),
    Name("vt-trung-du", "Viễn thông Trung Du", "Midland Telecom"),
    Name("vt-song-cai", "Cáp quang Sông Cái", "Cai River Fibre"),
    Name("co-quan-bhyt", "Cơ quan giám định bảo hiểm y tế", "Health insurance office"),
)
CLOUDS = ("may-viet", "y-so")
CARRIERS = ("vt-ven-bien", "vt-trung-du", "vt-song-cai")

PORTALS = (
    ("bhyt", "Cổng giám định bảo hiểm y tế", "Health insurance gateway", "co-quan-bhyt"),
    ("csdl-quoc-gia", "Cơ sở dữ liệu y tế quốc gia", "National health database", ""),
    ("bv-trung-uong", "Bệnh viện tuyến trung ương", "Central hospital", ""),
)

PUBLIC = (
    Name("bvdk-tinh", "Bệnh viện Đa khoa tỉnh Bắc Sông", "Bac Song General Hospital"),
    Name("bvdk-cua-bac", "Bệnh viện Đa khoa khu vực Cửa Bạc", "Cua Bac Regional Hospital"),
    Name("bv-san-nhi", "Bệnh viện Sản Nhi Bắc Sông", "Bac Song Women and Children Hospital"),
    Name("bv-phoi", "Bệnh viện Phổi Bắc Sông", "Bac Song Lung Hospital"),
    Name("bvdk-bai-say", "Bệnh viện Đa khoa khu vực Bãi Sậy", "Bai Say Regional Hospital"),
    Name("bvdk-dong-che", "Bệnh viện Đa khoa khu vực Đồng Chè", "Dong Che Regional Hospital"),
    Name("bv-yhct", "Bệnh viện Y học cổ truyền Bắc Sông", "Bac Song Traditional Medicine"),
    Name("bv-mat", "Bệnh viện Mắt Bắc Sông", "Bac Song Eye Hospital"),
    Name("bv-tam-than", "Bệnh viện Tâm thần Bắc Sông", "Bac Song Psychiatric Hospital"),
    Name("bv-phcn", "Bệnh viện Phục hồi chức năng Bắc Sông", "Bac Song Rehabilitation"),
    Name("bv-da-lieu", "Bệnh viện Da liễu Bắc Sông", "Bac Song Skin Hospital"),
    Name("bv-noi-tiet", "Bệnh viện Nội tiết Bắc Sông", "Bac Song Endocrine Hospital"),
    Name("bv-ung-buou", "Bệnh viện Ung bướu Bắc Sông", "Bac Song Cancer Hospital"),
    Name("bvdk-suoi-ngoc", "Bệnh viện Đa khoa khu vực Suối Ngọc", "Suoi Ngoc Regional Hospital"),
    Name("bvdk-ben-lua", "Bệnh viện Đa khoa khu vực Bến Lụa", "Ben Lua Regional Hospital"),
)

_DISTRICTS = (
    ("cua-bac", "Cửa Bạc", "Cua Bac"),
    ("bai-say", "Bãi Sậy", "Bai Say"),
    ("con-nom", "Cồn Nồm", "Con Nom"),
    ("dam-vac", "Đầm Vạc Hạ", "Dam Vac Ha"),
    ("ben-lua", "Bến Lụa", "Ben Lua"),
    ("dong-che", "Đồng Chè", "Dong Che"),
    ("suoi-ngoc", "Suối Ngọc", "Suoi Ngoc"),
    ("doi-thong", "Đồi Thông", "Doi Thong"),
    ("khe-mo", "Khe Mơ", "Khe Mo"),
    ("deo-gio", "Đèo Gió Nồm", "Deo Gio Nom"),
    ("thac-bac", "Thác Bạc Thượng", "Thac Bac Thuong"),
    ("rung-tram", "Rừng Tràm", "Rung Tram"),
    ("song-chanh", "Sông Chanh", "Song Chanh"),
    ("go-vang", "Gò Vàng", "Go Vang"),
    ("cau-may", "Cầu Mây", "Cau May"),
    ("nui-voi", "Núi Voi", "Nui Voi"),
)
CENTRES = tuple(
    Name(f"ttyt-{word}", f"Trung tâm Y tế khu vực {vi}", f"{en} Medical Centre")
    for word, vi, en in _DISTRICTS
)

_FLOWERS = (
    ("hoa-gao", "Hoa Gạo"),
    ("may-trang", "Mây Trắng"),
    ("lua-vang", "Lúa Vàng"),
    ("truc-xanh", "Trúc Xanh"),
    ("sen-ha", "Sen Hạ"),
    ("canh-dieu", "Cánh Diều"),
    ("nang-moi", "Nắng Mới"),
    ("trang-non", "Trăng Non"),
    ("gio-nom", "Gió Nồm"),
    ("bau-sen", "Bàu Sen"),
    ("cau-tre", "Cầu Tre"),
    ("la-coi", "Lá Cói"),
    ("muoi-trang", "Muối Trắng"),
    ("thuyen-nan", "Thuyền Nan"),
    ("rang-dong", "Ráng Đông"),
    ("suong-mai", "Sương Sớm"),
    ("hat-gao", "Hạt Gạo"),
    ("cu-san", "Đồi Sắn"),
    ("chim-ri", "Chim Ri"),
    ("la-trau", "Lá Trầu"),
    ("qua-mo", "Quả Mơ"),
    ("vuon-oi", "Vườn Ổi"),
    ("ngo-non", "Ngô Non"),
)
PRIVATE = tuple(
    Name(f"bvtn-{word}", f"Bệnh viện tư nhân {vi}", f"{word.replace('-', ' ').title()} Hospital")
    for word, vi in _FLOWERS
)
