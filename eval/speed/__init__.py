"""How fast this toolkit is here, next to its goals."""
