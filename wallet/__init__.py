"""The ledger: accounts, transfers, entries and balances."""
