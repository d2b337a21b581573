"""What tests share: files in published formats, small networks and bodies, hostile input."""
