"""The tiny laboratory: miniature models, trained from scratch, whose skills and blind spots are known."""
