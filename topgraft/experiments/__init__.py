"""Many runs as one experiment: sweeps over settings, every trial an ordinary run folder."""
