"""Training: the one loop, the stages of a run, and what they cost."""
