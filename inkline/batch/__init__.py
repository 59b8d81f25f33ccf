"""Long runs over many files, which a kill costs no more than the pages being read.

Read `local_run` first: it lists the files (`listing`), asks the `scheduler` which of them the `ledger` does not know as done,
hands each as a FileTask (`task`) to a `worker` process, which reads it page by page (`document`) and moves its results into
place (`storage`). `ray_run` does the same with the workers on a Ray cluster.
"""
