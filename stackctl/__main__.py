"""`python -m stackctl`, and the installed command."""

from stackctl.cli import main

if __name__ == "__main__":
    main()
