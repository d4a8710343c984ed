"""One file per hot path; prints ratios."""
