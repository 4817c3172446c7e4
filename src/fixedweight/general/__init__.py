"""General-purpose learners: for tables that nobody prepared."""
