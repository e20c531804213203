"""Pending."""
LOWERINGS = {}
