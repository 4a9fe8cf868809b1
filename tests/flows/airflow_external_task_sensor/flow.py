"""Sensors before the first step: other DAGs of Airflow."""

from datetime import timedelta

from metaflow import FlowSpec, airflow_external_task_sensor, schedule, step


@airflow_external_task_sensor(external_dag_id="ingest", execution_delta=timedelta(hours=1))
@airflow_external_task_sensor(external_dag_id="prices", external_task_ids=["load"], mode="poke")
@schedule(cron="15 3 * * *")
class ExternalTaskSensorFlow(FlowSpec):
    """Begins when two other DAGs are done."""

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ExternalTaskSensorFlow()
