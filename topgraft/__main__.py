"""`python -m topgraft` is the `topgraft` command."""

from topgraft.cli import main

if __name__ == "__main__":
    main()
