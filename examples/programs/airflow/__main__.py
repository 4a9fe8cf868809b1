"""A flow as a DAG file in S3, where Amazon MWAA looks for DAGs, or what an Airflow elsewhere copies."""

import pulumi
import pulumi_aws as aws

from flowinfra import AirflowFlow, AirflowPlatform, DagBucket

# MWAA takes DAGs from a bucket with versions; an Airflow of your own is given one like this too.
dags = aws.s3.Bucket("airflow")
aws.s3.BucketVersioning("airflow", bucket=dags.bucket, versioning_configuration={"status": "Enabled"})

flow = AirflowFlow(
    "nightly",
    {
        "flow": "../../flows/parameters/parameter_flow.py",
        "platform": AirflowPlatform(
            bucket="metaflow-local",  # Metaflow's datastore, which is there already
            namespace="ml-jobs",  # of the tasks' pods
            service_account="metaflow",
            dags=DagBucket(dags.bucket),
        ),
        "with": ["retry:times=2"],
        "parameters": {"alpha": 0.03},
        "schedule": {"cron": "0 3 * * *"},
        "paused": True,
    },
)

pulumi.export("file", flow.file)
pulumi.export("trigger", flow.trigger)
pulumi.export("namespace", flow.namespace)
