"""How fast this toolkit is here, beside what it aims for."""
