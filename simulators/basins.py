"""The rivers as a table: catchments, channels and dams, in flow order.

Areas and flows of Jinshuitan, Shitang and Tankeng are published; everything else is our estimate and says nothing
about the true rivers.
"""

from dataclasses import dataclass

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Dam:
    """How the water behind a dam is held and let go. Stages in metres above the station's datum."""

    start_stage_m: float
    least_stage_m: float
    surface_km2: float  # Volume per metre of stage, taken as constant.
    mean_flow_m3s: float
    capacity_m3s: float
    gate_stage_m: float  # Above it the gates pass a tenth more than flows in.
    holds_back: bool  # False: run of river, the pool is kept level.


@dataclass(frozen=True, slots=True)
class Basin:
    """One gauge or dam with the catchment between it and those upstream."""

    id: str
    area_km2: float
    points: Points  # Where its rain is sampled.
    upstream: tuple[tuple[str, float], ...] = ()  # (id, channel length in km).
    low_stage_m: float = 0.9  # Stage at base flow.
    bank_stage_m: float = 4.5  # Stage of the flood that comes once in five years.
    dam: Dam | None = None


def small_basin(basin_id: str, position: tuple[float, float]) -> Basin:
    """Return the basin of a station that the table does not have: a brook of 100 km² around it."""
    return Basin(basin_id, 100, (position,))


def _pool(stage: float, surface: float, mean: float, capacity: float) -> Dam:
    return Dam(stage, stage - 1.5, surface, mean, capacity, stage + 0.4, holds_back=False)


# In flow order: whatever lies upstream stands above.
BASINS: tuple[Basin, ...] = (
    Basin(
        "hs-longquan",
        1400,
        ((119.12, 28.06), (119.05, 28.0), (119.0, 28.1), (119.1, 27.93), (118.95, 28.0)),
        low_stage_m=1.0,
        bank_stage_m=6.0,
    ),
    Basin(
        "dam-jinshuitan",
        1361,
        ((119.3, 28.12), (119.42, 28.2), (119.35, 28.03), (119.5, 28.2)),
        (("hs-longquan", 45),),
        dam=Dam(181.5, 164.0, 30, 100, 8000, 182.0, holds_back=True),
    ),
    Basin("hs-yunhe", 180, ((119.57, 28.1), (119.52, 28.07), (119.6, 28.09)), low_stage_m=0.8),
    Basin(
        "dam-shitang",
        293,
        ((119.6, 28.2), (119.65, 28.17)),
        (("dam-jinshuitan", 25), ("hs-yunhe", 15)),
        dam=_pool(101.8, 6.5, 109, 9000),
    ),
    Basin("dam-yuxi", 120, ((119.68, 28.25),), (("dam-shitang", 12),), dam=_pool(74.2, 3.0, 114, 9000)),
    Basin("dam-chengping", 185, ((119.18, 28.5), (119.22, 28.53)), dam=Dam(341.0, 320.0, 2.5, 6.7, 900, 342.0, True)),
    Basin("hs-suichang", 300, ((119.25, 28.58), (119.2, 28.62)), (("dam-chengping", 8),), low_stage_m=0.8),
    Basin("hs-songyang", 700, ((119.45, 28.45), (119.38, 28.5), (119.4, 28.38)), (("hs-suichang", 28),), 0.9),
    Basin("hs-jingjukou", 400, ((119.58, 28.36), (119.52, 28.32), (119.6, 28.42)), (("hs-songyang", 18),), 1.0),
    Basin(
        "hs-dagangtou",
        110,
        ((119.72, 28.29), (119.69, 28.33)),
        (("dam-yuxi", 4), ("hs-jingjukou", 14)),
        low_stage_m=1.1,
        bank_stage_m=6.0,
    ),
    Basin(
        "hs-xiaobaiyan",
        350,
        ((119.8, 28.38), (119.76, 28.45)),
        (("hs-dagangtou", 18),),
        low_stage_m=1.2,
        bank_stage_m=6.0,
    ),
    Basin("hs-jinyun", 780, ((120.1, 28.68), (120.2, 28.75), (120.15, 28.62)), low_stage_m=0.9),
    Basin("dam-huangcun", 60, ((120.03, 28.55),), dam=Dam(257.0, 235.0, 1.2, 2.2, 300, 258.0, holds_back=True)),
    Basin(
        "dam-kaitan",
        900,
        ((119.92, 28.47), (119.88, 28.55), (119.95, 28.42)),
        (("hs-xiaobaiyan", 15), ("hs-jinyun", 35), ("dam-huangcun", 12)),
        dam=_pool(46.9, 5.6, 250, 13000),
    ),
    Basin("hs-jingning", 1450, ((119.6, 27.95), (119.45, 27.85), (119.55, 27.88)), low_stage_m=1.0),
    Basin(
        "dam-tankeng",
        1880,
        ((119.8, 28.02), (119.95, 28.08), (119.85, 28.1)),
        (("hs-jingning", 45),),
        dam=Dam(155.5, 120.0, 65, 110, 9000, 156.5, holds_back=True),
    ),
    Basin(
        "dam-sanxikou",
        800,
        ((120.15, 28.22), (120.05, 28.3)),
        (("dam-kaitan", 45), ("dam-tankeng", 25)),
        dam=_pool(21.2, 8.0, 420, 16000),
    ),
    Basin("hs-hecheng", 150, ((120.27, 28.15),), (("dam-sanxikou", 8),), low_stage_m=1.2, bank_stage_m=6.0),
    Basin("hs-qingyuan", 560, ((119.06, 27.64), (119.12, 27.6), (119.0, 27.6)), low_stage_m=0.8),
)
