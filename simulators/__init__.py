"""Sources of readings: physical fields, sensors, the fleet, storylines, traces and pacing. They never see a rule."""
