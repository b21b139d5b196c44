"""Binding: one rule and one site become a judge. What goes wrong here is our own mistake: rules are checked before."""
