"""One message's way: chain, ledger, leases, batches, retry, worker, drain."""
