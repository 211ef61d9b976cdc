"""What a worker does with a job: prepare a folder, let an engine run between two steps, report."""
