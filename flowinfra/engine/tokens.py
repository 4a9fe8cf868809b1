"""Type tokens: what Pulumi calls the resources that a flow consists of."""

from __future__ import annotations

import re

FLOW_TYPE = re.compile(r"flowinfra:[a-z0-9-]+:\w*Flow")
"""Types of the components that are flows, whatever they are deployed to."""

JOB_DEFINITION = "aws:batch/jobDefinition:JobDefinition"
DATASTORE_OBJECTS = (
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/bucketObject:BucketObject",
    "gcp:storage/bucketObject:BucketObject",
    "azure-native:storage:Blob",
)
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
MANAGED_POLICY = "aws:iam/policy:Policy"
STASH = "pulumi:index:Stash"
WORKFLOW_TEMPLATE = "kubernetes:argoproj.io/v1alpha1:WorkflowTemplate"
AIRFLOW_FLOW = "flowinfra:airflow:AirflowFlow"
