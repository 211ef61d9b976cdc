"""Jobs of Terraform plans, applies, baseline checks and drift checks."""
