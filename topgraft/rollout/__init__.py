"""Rollouts: sampling with the kept trunk states, and the cache of trunk states over dataset rows."""
