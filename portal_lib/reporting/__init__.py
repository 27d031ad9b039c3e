"""Figures and texts of the report, made from tables and arrays; paths of files are known to scripts only."""
