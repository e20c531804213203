"""The filter language: from what people type to the name of a query and its parameters."""
