"""A sensor before the first step: a file in S3."""

from metaflow import FlowSpec, airflow_s3_key_sensor, step


@airflow_s3_key_sensor(bucket_key="s3://incoming/*.csv", wildcard_match=True, timeout=600, name="wait-for-file")
class S3KeySensorFlow(FlowSpec):
    """Begins when a file is there."""

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    S3KeySensorFlow()
