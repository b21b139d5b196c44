"""The 13 scenario scripts, and what runs them offline: replay of traces through the engine."""
