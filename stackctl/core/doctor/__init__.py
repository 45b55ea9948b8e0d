"""The doctor's judgements: from what was seen of the machine to the issues that are there."""
