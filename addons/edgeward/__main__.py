"""`python -m edgeward` is the command `edgeward`."""

from .cli.main import run

if __name__ == "__main__":
    run()
