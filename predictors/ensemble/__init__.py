"""The members of `ace`, and how they are mixed."""
