"""Proper scores of quantile forecasts and the level grid they are kept on."""
