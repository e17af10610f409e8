"""Where the leader pays: the tests of an experiment's claims, laid out over the points of its sweep."""
