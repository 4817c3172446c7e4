"""A learner's card as text and as a figure."""

from fixedweight.report.summary import conditions, describe_network, error_rows, headline, notes

__all__ = ["conditions", "describe_network", "error_rows", "headline", "notes"]
