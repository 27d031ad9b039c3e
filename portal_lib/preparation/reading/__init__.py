"""Files and tables of every origin: opened, read in pieces, described, copied and written."""
