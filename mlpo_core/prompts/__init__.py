"""What models read."""
