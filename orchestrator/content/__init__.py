"""Content as data: the documents of the files in Git, their checks, and the changes that a load writes."""
