"""How long the simulators take for a day of the whole city, and how much memory: every site at its real period.

python benchmarks/simulate.py --hours 24 --storyline quiet-day
"""
