"""Quantile models: distributions around point forecasts, behind one registry."""
