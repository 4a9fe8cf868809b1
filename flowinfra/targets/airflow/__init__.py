"""Airflow: `AirflowFlow` and what its arguments are made of."""
