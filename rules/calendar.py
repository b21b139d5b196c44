"""When a rule is armed."""

from citybrain.calendar import CalendarEntry


class ActiveEntry(CalendarEntry):
    """When a rule is armed; every line that is written must hold. Times are Beijing time."""
