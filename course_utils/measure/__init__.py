"""What a model costs: time, energy, sizes, zeros, and which of its layers run in int8."""
