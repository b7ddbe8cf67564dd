"""The recount: random stories are posted, and what the board says is compared with a plain recount of what was posted."""
