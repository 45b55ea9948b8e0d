"""How a plan becomes files and runs, one folder each."""
