"""Is A more robust than B? The same crops under the same windows; sequences are the units."""
