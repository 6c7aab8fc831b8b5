"""What the command lines share: options, names as users write them, progress, printing."""
