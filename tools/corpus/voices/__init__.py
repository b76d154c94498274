"""Feedback on programs in the voices of a mentor, reviewer, examiner, friend and others."""
