"""Files in and out: images, pickles, checkpoints, HDF5; nothing here ever runs a file's code."""
