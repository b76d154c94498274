"""The split model: a frozen trunk, branches on top of it, adapters and heads."""
