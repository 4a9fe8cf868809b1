"""A flow as one component among the resources of an ordinary Pulumi program."""

import json

import pulumi
import pulumi_aws as aws

from flowinfra import Platform, StepFunctionsFlow

# Metaflow's own things are there already; flows of this program are told apart by the prefix.
platform = Platform.existing(
    bucket="metaflow-local",
    queue="metaflow-local",
    table="metaflow-local",
    name_prefix="program",
)

flow = StepFunctionsFlow(
    "nightly",
    {
        "flow": "../../flows/parameters/parameter_flow.py",
        "platform": platform,
        "with": ["retry:times=2"],
        "parameters": {"alpha": 0.03},
        "schedule": {"cron": "0 3 * * ? *"},
        "aws_tags": {"team": "ml"},
    },
)

# Outputs are ordinary Pulumi outputs: here another resource of the program gets the right to start the flow.
starter = aws.iam.Role(
    "starter",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    ),
)
aws.iam.RolePolicy(
    "starter-policy",
    role=starter.name,
    policy=pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": flow.arn}],
        }
    ),
)

pulumi.export("namespace", flow.namespace)
pulumi.export("trigger", flow.trigger)
pulumi.export("metaflow_config", flow.metaflow_config)
pulumi.export("version", flow.version)
