"""What a lab adds to mlpo from outside: one reward, one filter, one method."""
