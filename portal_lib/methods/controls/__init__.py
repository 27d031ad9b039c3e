"""Controls: lower and upper bounds that scores are compared with."""
