"""`python -m esper_graph` is `esper-graph`."""

from esper_graph.cli import main

if __name__ == "__main__":
    main()
