"""One person in one image under every window of a grid (PARE, Section 3)."""
