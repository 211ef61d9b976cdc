terraform {
  required_version = ">= 1.5"

  # Address and credentials of the state come from the run's TF_HTTP_* environment variables.
  backend "http" {}

  required_providers {
    sandbox = {
      source  = "govcloud.internal/orchestrator/sandbox"
      version = "0.1.0"
    }
  }
}
