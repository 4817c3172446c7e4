"""Concept drift: STAGGER and Boolean maps, with changes that nobody marks."""
