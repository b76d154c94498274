"""Intervals, tests and comparisons; docs/statistics.md says what stands behind them and how well they hold."""
