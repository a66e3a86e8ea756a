"""Peers of the accuracy benchmark: other ways to the same forecasts, in the same file format."""
