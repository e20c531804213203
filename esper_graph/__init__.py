"""Git for neural-network architectures, on Neo4j."""
