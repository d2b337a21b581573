"""One regressor's sweeps over a whole data set: planned, crash-safe, resumable, on one machine or many."""
