"""How far a regressor is from the ground truth of a data set (PARE, Tables 1 and 2)."""
