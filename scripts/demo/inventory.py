"""The inventory of the province: 54 bedded facilities, or the few of a small one."""

from collections.abc import Iterator, Sequence
from itertools import chain

import yaml

from demo import names
from demo.facilities import Sketch, Tree, facility
from demo.sizes import Size

# With a server room of their own: as in the field, 3 of 10; the others rent in two clouds.
_ALL_OWN, _ONE_OWN = ("his-01", "pacs-01", "lis-01"), ("his-01",)
_OWN_PUBLIC, _OWN_CENTRES, _OWN_PRIVATE = 8, 4, 4
# Merged units work at two sites.
_TWO_SITES = frozenset({"bvdk-tinh", "bv-san-nhi", "bvdk-bai-say", "ttyt-cua-bac", "ttyt-khe-mo"})
_COAST = ("cua-bac", "bai-say", "con-nom", "dam-vac", "ben-lua", "muoi-trang", "thuyen-nan")


def _sketches() -> Iterator[Sketch]:
    kinds = (
        (names.PUBLIC, "public", _OWN_PUBLIC, _ALL_OWN),
        (names.CENTRES, "public", _OWN_CENTRES, _ONE_OWN),
        (names.PRIVATE, "private", _OWN_PRIVATE, _ONE_OWN),
    )
    number = 0
    for group, ownership, own, servers in kinds:
        for at, name in enumerate(group):
            number += 1
            yield Sketch(
                name=name,
                number=number,
                ownership=ownership,
                servers=servers if at < own else (),
                cloud=names.CLOUDS[number % len(names.CLOUDS)],
                sites=2 if name.id in _TWO_SITES else 1,
                coastal=any(word in name.id for word in _COAST),
            )


def sketches(size: Size) -> tuple[Sketch, ...]:
    """The facilities of a province of this size, in their order."""
    return tuple(
        one for one in _sketches() if not size.facilities or one.name.id in size.facilities
    )


def _sites(one: Sketch) -> list[str]:
    return [f"{one.name.id}/co-so-{number + 1}" for number in range(one.sites)]


def link_of(one: Sketch) -> str:
    """Id of the carrier's line its sites hang on."""
    if one.coastal:
        return "tuyen-ven-bien"
    return "tuyen-trung-du" if one.number % 2 else "tuyen-song-cai"


_LINKS = {
    "tuyen-ven-bien": ("vt-ven-bien", "Tuyến cáp ven biển", "Coast line"),
    "tuyen-trung-du": ("vt-trung-du", "Tuyến cáp trung du", "Midland line"),
    "tuyen-song-cai": ("vt-song-cai", "Tuyến cáp Sông Cái", "Cai River line"),
}


def _links(all_of: Sequence[Sketch]) -> Iterator[Tree]:
    for link, (carrier, vi, en) in _LINKS.items():
        sites = list(chain.from_iterable(_sites(one) for one in all_of if link_of(one) == link))
        if sites:
            yield {
                "id": link, "name": {"vi": vi, "en": en}, "carrier": carrier, "sites": sites
            }  # fmt: skip


def tree(size: Size) -> Tree:
    """The whole inventory."""
    all_of = sketches(size)
    return {
        "province": {"name": names.PROVINCE},
        "clinic": {"hours": ["07:00-11:30", "13:30-17:00"]},
        "providers": [{"id": one.id, "name": one.both} for one in names.PROVIDERS],
        "links": list(_links(all_of)),
        "portals": [
            {
                "id": word, "name": {"vi": vi, "en": en}, "address": f"{word}.example:443",
                **({"provider": provider} if provider else {}),
            }
            for word, vi, en, provider in names.PORTALS
        ],
        "facilities": [facility(one) for one in all_of],
    }  # fmt: skip


class _Plain(yaml.SafeDumper):
    """The inventory is read strictly: no anchors."""

    def ignore_aliases(self, _data: object) -> bool:
        """Write everything out."""
        return True


def text(size: Size) -> str:
    """The inventory's file."""
    written: str = yaml.dump(tree(size), Dumper=_Plain, allow_unicode=True, sort_keys=False)
    return written
