"""Quantile models that need no point forecast: they regress every quantile on the features."""
