"""Indices: values that a standard computes from several measured ones, as pure functions of numbers.

Every figure names its source and carries a tag: [V] verified in the standard or in public sources that agree, [K] known
but not verified again, [E] our own choice, which no standard fixes.
"""
