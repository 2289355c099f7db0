"""What a person may do about a meter's clock. Nobody sets it: it has witnesses."""
