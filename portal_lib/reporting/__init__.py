"""Figures and texts of the report, made from tables and arrays; only scripts handle file paths."""
