"""`python -m orchestrator` is the command `govcloud`."""

from orchestrator.cli import main

main()
