"""Training losses, one file a task; their values and gradients are proven against those of the reference."""
