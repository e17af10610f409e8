"""Assets in the order in which data flows: data, models, proposals, sft, mlpo, benchmark; and what starts them."""
