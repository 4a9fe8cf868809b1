"""Deploys the flows of stacks/Pulumi.<stack>.yaml."""

from flowinfra import deploy

deploy()
