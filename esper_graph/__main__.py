"""`python -m esper_graph`: the command line."""

from esper_graph.cli import main

main()
