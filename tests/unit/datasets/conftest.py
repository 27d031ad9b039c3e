"""Marks this folder as one whose helpers tests may import."""
