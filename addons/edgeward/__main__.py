"""`python -m edgeward` is the command `edgeward`."""

from edgeward.cli.main import run

if __name__ == "__main__":
    run()
