"""A trained leader as others can use it: a folder in Hugging Face's format, with what it was trained to lead."""
