"""The pages of the site that are made from the code: assets, settings, the Python API, and files from outside docs/."""
