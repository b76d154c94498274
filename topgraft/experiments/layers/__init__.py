"""Which blocks carry the voice: measures of every block, short trainings of windows, and a recommendation.

What each measure means, and what it does not, stands in docs/layers.md.
"""
