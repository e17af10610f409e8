"""What every server of this project does alike: where it listens, who holds a key, and how it ends."""
