terraform {
  required_version = ">= 1.5"

  # Everything about the state's place comes from the TF_HTTP_* environment variables of the run.
  backend "http" {}
}
