"""Share of a limit: how far the worst pollutant goes into what it may reach; 1 is at the limit."""

from collections.abc import Mapping
from dataclasses import dataclass

from citybrain.attributes import Attribute
from citybrain.units import Quantity
from rules.indices.figures import not_negative, positive


@dataclass(frozen=True, slots=True)
class Share:
    """The greatest share of a limit, and which metric has it; of equal ones the first by name."""

    ratio: float
    item: str


# Grade 1 limits of 1 h means, for nature reserves; µg/m³, CO mg/m³. They are the same in the edition of 2012, in the
# transition and from 2031 on. Particles have no 1 h limit. Source: GB 3095-2026 table 1 [V].
GRADE_1_1H: Mapping[str, float] = {"so2_1h": 150, "no2_1h": 200, "co_1h": 10, "o3_1h": 160}


def worst_share(values: Mapping[str, float], limits: Mapping[str, float]) -> Share | None:
    """Return the greatest value ÷ limit over the metrics that have both, in the same unit, or None without any.

    Raises ValueError for a negative or non-finite value and for a limit that is not above 0.
    """
    checked = {name: not_negative(name, value) for name, value in values.items()}
    shares = {name: checked[name] / positive(f"limit of {name}", limits[name]) for name in checked if name in limits}
    if not shares:
        return None
    item = min(shares, key=lambda name: (-shares[name], name))
    return Share(shares[item], item)


def permit_share(values: Mapping[str, float], attributes: Mapping[str, Attribute]) -> Share | None:
    """Return the worst share of the site's own permit, whose limits are the attributes `permit_<metric>`.

    The kind of site declares each limit in the unit of its metric. Metrics without a limit do not count. Only valid
    means may be given: a permit is never judged on one raw reading [K].
    Raises ValueError as `worst_share` does.
    """
    limits = {name: limit.number for name in values if isinstance(limit := attributes.get(f"permit_{name}"), Quantity)}
    return worst_share(values, limits)


def grade_1_share(means: Mapping[str, float]) -> Share | None:
    """Return the worst share of the grade 1 limits over 1 h means named as the metrics are; µg/m³, CO mg/m³.

    Source: GB 3095-2026 table 1 [V]. Particles do not count: the standard has no 1 h limit for them.
    Raises ValueError as `worst_share` does.
    """
    return worst_share(means, GRADE_1_1H)
