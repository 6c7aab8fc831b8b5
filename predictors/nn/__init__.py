"""Networks whose repeats train together: every parameter and activation has a leading repeat axis."""
