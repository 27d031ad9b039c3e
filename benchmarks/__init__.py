"""Programs of `make bench`, `make bench-metrics`, `make bench-preparation` and `make faithful`."""
