"""The parts of a run's report, each a function from what was read of the run to a section."""
