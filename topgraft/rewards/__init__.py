"""Rewards: scores of responses, one small file each."""
