"""Sensors of a flow on Airflow, looked at like steps: all that Airflow would refuse, at once, each with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowinfra.compiler import CompileRequest, compile_flow
from flowinfra.errors import FlowInfraError
from tests.unit.sources import write_flow

HEAD = "from datetime import timedelta\n"
S3, TASK = "airflow_s3_key_sensor", "airflow_external_task_sensor"
KEY, DAG = "bucket_key='s3://a/b'", "external_dag_id='other'"


def refused(folder: Path, *decorators: str) -> list[tuple[str, str]]:
    """The source of each decorator that something is said of, and what."""
    flow = write_flow(folder, head=HEAD, decorators="\n".join(f"@{each}" for each in decorators))
    try:
        compile_flow(CompileRequest(flow, "airflow"))
    except FlowInfraError as error:
        told = [str(each) for each in error.errors]
    else:
        return []
    lines = flow.read_text().splitlines()
    parts = [re.fullmatch(rf"{re.escape(str(flow))}:(\d+): @airflow_\w+ of SmallFlow: (.*)", line) for line in told]
    assert all(parts), told
    return [(lines[int(part[1]) - 1], part[2]) for part in parts if part]


@pytest.mark.parametrize(
    "decorator",
    [
        f"{S3}({KEY})",
        f"{S3}(name='wait.for-it_1', {KEY}, mode='poke', timeout=0, poke_interval=0.5, pool='small', verify=False)",
        f"{S3}(bucket_key=['a/b', 'c'], bucket_name='bucket', soft_fail=True, wildcard_match=True, description='d')",
        f"{S3}(bucket_key='https://bucket.s3.eu-west-1.amazonaws.com/key', aws_conn_id='aws', verify='/certs')",
        f"{S3}(bucket_key='{{{{ var.value.prefix }}}}/key')",
        f"{TASK}({DAG})",
        f"{TASK}(external_dag_id='{{{{ var.value.dag }}}}', execution_delta=timedelta(hours=1), check_existence=False)",
        f"{TASK}({DAG}, external_task_ids=['a', 'b'], allowed_states=['success', 'skipped'], failed_states=['failed'])",
    ],
)
def test_what_airflow_takes(decorator: str, tmp_path: Path) -> None:
    assert refused(tmp_path, decorator) == []


@pytest.mark.parametrize(
    ("decorator", "words"),
    [
        (f"{S3}(name='start', {KEY})", "name: found 'start', which a step of the flow has too; each task of a DAG "),
        (f"{S3}(name='two words', {KEY})", "name: found 'two words', allowed: at most 250 letters, digits, "),
        (f"{S3}(name='a..b', {KEY})", "name: found 'a..b', allowed: "),
        (f"{S3}(name='{'a' * 251}', {KEY})", "name: found 'aaa"),
        (f"{S3}(name=5, {KEY})", "name: found 5, allowed: "),
        (f"{S3}(name='', {KEY})", "name: found '', allowed: "),
        (f"{S3}({KEY}, mode='pok')", "mode: found 'pok', allowed: poke, reschedule (did you mean 'poke'?)"),
        (f"{S3}({KEY}, timeout='1h')", "timeout: found '1h', allowed: a number of seconds, 0 or more"),
        (f"{S3}({KEY}, timeout=timedelta(hours=1))", "timeout: found datetime.timedelta(seconds=3600), allowed: "),
        (f"{S3}({KEY}, poke_interval=-1)", "poke_interval: found -1, allowed: "),
        (f"{S3}({KEY}, soft_fail='no')", "soft_fail: found 'no', allowed: True, False"),
        (f"{S3}({KEY}, exponential_backoff=1)", "exponential_backoff: found 1, allowed: True, False"),
        (f"{S3}({KEY}, pool=5)", "pool: found 5, allowed: the name of a pool"),
        (f"{S3}({KEY}, description=5)", "description: found 5, allowed: text"),
        (f"{S3}({KEY}, aws_conn_id=5)", "aws_conn_id: found 5, allowed: text"),
        (f"{S3}({KEY}, verify=5)", "verify: found 5, allowed: True, False, or the path"),
        (f"{S3}({KEY}, bucket_name='a')", "bucket_key: found 's3://a/b' beside bucket_name='a'; leave one out"),
        (f"{S3}(bucket_key='a/b')", "bucket_key: found 'a/b', allowed: s3://bucket/key, or a key beside bucket_name"),
        (f"{S3}(bucket_key='s3:///b')", "bucket_key: found 's3:///b', allowed: "),
        (f"{S3}(bucket_key='https://example.com/b')", "bucket_key: found 'https://example.com/b', allowed: "),
        (f"{S3}(bucket_key=5)", "bucket_key: found 5, allowed: a list of texts"),
        (f"{S3}(bucket_key=[])", "bucket_key: is missing; "),
        (f"{S3}()", "bucket_key: is missing; "),
        (f"{TASK}()", "external_dag_id: is missing; give the id of the DAG that is waited for"),
        (f"{TASK}(external_dag_id='my dag')", "external_dag_id: found 'my dag', allowed: "),
        (f"{TASK}(external_dag_id=5)", "external_dag_id: found 5, allowed: text"),
        (f"{TASK}({DAG}, external_task_ids='load')", "external_task_ids: found 'load', allowed: a list of texts"),
        (f"{TASK}({DAG}, external_task_ids=['a', 'a'])", "external_task_ids: found ['a', 'a']; name each task once"),
        (f"{TASK}({DAG}, allowed_states='success')", "allowed_states: found 'success', allowed: a list of texts"),
        (f"{TASK}({DAG}, allowed_states=['skipped'])", "allowed_states: found 'skipped', allowed: failed, queued, "),
        (f"{TASK}({DAG}, allowed_states=['sucess'])", "allowed_states: found 'sucess', allowed: failed, "),
        (f"{TASK}({DAG}, failed_states=['success'])", "failed_states: names 'success' again; "),
        (f"{TASK}({DAG}, external_task_ids=['a'], failed_states=['shutdown'])", "failed_states: found 'shutdown', "),
        (f"{TASK}({DAG}, execution_delta=3600)", "execution_delta: found 3600, allowed: a datetime.timedelta"),
        (f"{TASK}({DAG}, check_existence='yes')", "check_existence: found 'yes', allowed: True, False"),
    ],
)
def test_what_airflow_refuses(decorator: str, words: str, tmp_path: Path) -> None:
    [(line, told)] = refused(tmp_path, decorator)
    assert line == f"@{decorator}"
    assert told.startswith(words), told


def test_several_sensors_are_looked_at_at_once(tmp_path: Path) -> None:
    sensors = [
        f"{S3}(name='wait', {KEY}, mode='pok')",
        f"{TASK}(name='wait')",
        f"{S3}(name='wait', {KEY})",
        f"{S3}({KEY})",
        f"{S3}({KEY})",
        f"{TASK}({DAG}, name='end', poke_interval='often')",
    ]
    told = refused(tmp_path, *sensors)
    again = "which another sensor has too"
    assert {(line[1:], words.partition(";")[0]) for line, words in told} == {
        (sensors[0], f"name: found 'wait', {again}"),
        (sensors[0], "mode: found 'pok', allowed: poke, reschedule (did you mean 'poke'?)"),
        (sensors[2], f"name: found 'wait', {again}"),
        (sensors[1], "external_dag_id: is missing"),
        (sensors[5], "name: found 'end', which a step of the flow has too"),
        (sensors[5], "poke_interval: found 'often', allowed: a number of seconds, 0 or more"),
    }
