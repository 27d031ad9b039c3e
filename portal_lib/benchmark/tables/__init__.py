"""Tables of scores, differences, ranks and costs over all runs."""
