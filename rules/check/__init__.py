"""The meaning of a rule file, checked against the registry: every fault with its place.

The shape (unknown fields, missing fields, wrong types) was checked before, by `rules.shape`.
"""
