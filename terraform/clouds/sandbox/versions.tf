terraform {
  required_version = ">= 1.5"

  # Everything about the state's place comes from the TF_HTTP_* environment variables of the run.
  backend "http" {}

  required_providers {
    sandbox = {
      source  = "govcloud.internal/orchestrator/sandbox"
      version = "0.1.0"
    }
  }
}
