"""Files in and out: images, pickles, checkpoints and results; nothing here ever runs a file's code."""
