"""What every service uses: the unit of work, the policy, one transaction's execution, and calls to gateways."""
