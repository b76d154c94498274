"""Decoding under a constraint in the manner of Ctrl-G (Zhang et al. 2024, arXiv 2406.13892), by sampling.

automata.py says what a text must keep to, letter by letter; tokens.py the same token by token; hmm.py the hidden Markov
model that stands in for the language model where the future must be summed over; guide.py joins the two while decoding.
"""
