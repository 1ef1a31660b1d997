"""Measurements, apart from the tests: they print ratios and judge nothing."""
