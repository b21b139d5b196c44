"""What every part speaks of: readings, sites, zones, metrics, levels, alerts, time, and the words for them."""

__version__ = "0.1.0"
