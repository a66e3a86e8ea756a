"""Measures the training methods against their controls. `python -m benchmarks.training --help`."""
