"""What PARE's parts look at (PARE, Figure 7)."""
