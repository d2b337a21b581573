"""How the windows of a batch are answered: the whole network on painted crops, or only what a window changes."""
