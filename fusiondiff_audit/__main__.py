"""`python -m fusiondiff_audit`, where no script of ours is on the path."""

from fusiondiff_audit.cli import main

if __name__ == "__main__":
    main()
