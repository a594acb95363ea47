"""How large a province is, and how fast its agents tell."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """What is simulated.

    Attributes:
        facilities: Ids of those that are there; empty: all 54.
        beat_seconds: Between two reports of an agent.
        look_seconds: Between two looks at everything it measures.
        scrape_seconds: Of Prometheus, and between two evaluations of its rules.
        history: Whether a few incidents stand open from before the collector's start: it opens
            none of its own in its first 120 s.
        nuisance_seconds: How often something is sent that the collector must refuse.
        dark: Sites that fall silent once all have called, as ``facility/site``.
    """

    facilities: tuple[str, ...]
    beat_seconds: float
    look_seconds: float
    scrape_seconds: int
    history: bool
    nuisance_seconds: float
    dark: tuple[str, ...] = ()


SMALL = Size(
    facilities=("bvdk-tinh", "bvdk-cua-bac", "ttyt-dong-che", "ttyt-khe-mo", "bvtn-hoa-gao"),
    beat_seconds=2.0,
    look_seconds=4.0,
    scrape_seconds=1,
    history=True,
    nuisance_seconds=5.0,
    dark=("ttyt-khe-mo/co-so-2",),
)
PROVINCE = Size(
    facilities=(),
    beat_seconds=20.0,
    look_seconds=40.0,
    scrape_seconds=10,
    history=False,
    nuisance_seconds=120.0,
)
