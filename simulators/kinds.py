"""The kinds of things that can happen to the city, in the words of nature and machines."""

from enum import StrEnum


class IncidentKind(StrEnum):
    """What can happen."""

    STORM = "storm"
    FLOOD = "flood"  # A river or a pool above the flood that comes once in five years.
    PONDING = "ponding"  # Water on a road or in a shelter, deeper than a kerb is high.
    SMOKE = "smoke"
    GAS = "gas"
    CROWDING = "crowding"  # Arrivals far beyond the usual, or a place that is full.
    DRIFT = "drift"  # A vessel off its course.
    BLACKOUT = "blackout"
    INVERSION = "inversion"  # Cold air lies under warm air, and what is emitted stays.
    OZONE = "ozone"
    FIRE = "fire"  # In a building.
    STORE = "store"  # A store of food is too warm.
    FROST = "frost"
    HEAT = "heat"
    FOG = "fog"
    WIND = "wind"
    LOW_FLOW = "low-flow"  # Less water is let through than should be.
    RADIATION = "radiation"
    SPILL = "spill"  # Something runs into the water.
    NOISE = "noise"
    JAM = "jam"
