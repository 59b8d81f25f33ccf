"""Long runs over many files: what to read, who reads it, what is done already.

listing -> Item -> Ledger (done? skip) -> a worker: read, write under temporary names, rename -> Ledger
"""
