"""Pending."""
EVALUATORS = {}
