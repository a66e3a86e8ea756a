"""`Forecast`: quantiles and sample paths of one or many series, as data.

Knows numpy, pandas and Arrow alone, so a service can read and convert forecasts without loading
any model code.
"""
