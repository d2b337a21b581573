"""Does a regressor know when it is wrong: its confidence against its errors."""
