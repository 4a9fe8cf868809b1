"""What `pulumi up` at the root of the repository runs (`main: flowinfra/program` in Pulumi.yaml)."""

from flowinfra.program.deploy import deploy

deploy()
