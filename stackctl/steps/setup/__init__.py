"""Steps of `stackctl setup`: what the machine has, what is done to it, and the record of that."""
