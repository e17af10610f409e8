"""What is compared on the test split: methods, their predictions, and the report on them."""
