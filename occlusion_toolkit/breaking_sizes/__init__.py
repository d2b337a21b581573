"""Breaking size: how large a square must be, place by place, until the estimate breaks."""
