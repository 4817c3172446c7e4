"""Somebody else's simulator: people with type-1 diabetes, each predicted half an hour ahead."""
