"""What a lab adds to mlpo from outside: one checker, one reward, one filter, one order, one method."""
