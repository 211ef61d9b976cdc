# This file is maintained automatically by "terraform init".
# Manual edits may be lost in future updates.

provider "govcloud.internal/orchestrator/sandbox" {
  version     = "0.1.0"
  constraints = "0.1.0"
  hashes = [
    "h1:wS86e4XJWp/Xxqy87vBPjX7GFzGIVnnwtYdTmd/HjTk=",
  ]
}
