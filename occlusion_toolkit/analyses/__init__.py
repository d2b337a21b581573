"""What the commands run: from a request to a result, without printing or drawing."""
