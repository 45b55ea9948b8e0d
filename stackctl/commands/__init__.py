"""One verb per module: plain functions that take a Machine and return a result; no click, no printing of results."""
