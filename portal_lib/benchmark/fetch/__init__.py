"""Download, verification and unpacking of data files."""
