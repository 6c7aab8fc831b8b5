"""What the command lines share: options, messages, the first check, the list of names."""
