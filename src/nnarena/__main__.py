"""`python -m nnarena` is the command `arena`."""

from nnarena.cli import app


app(prog_name="python -m nnarena")
