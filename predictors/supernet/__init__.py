"""Supernets: networks with shared weights for search spaces, trained on images, scored into weak labels."""
