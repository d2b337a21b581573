"""What hiding one part of the body does to every joint: the influence matrix."""
