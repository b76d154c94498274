"""Politeness of a text: published strategies and n-grams, with weights fitted on human scores."""
